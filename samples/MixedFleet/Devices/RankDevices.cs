using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;

namespace MixedFleet.Devices;

/// <summary>Where the ranks of this process get what they compute on.</summary>
/// <remarks>Safe for several threads, but for disposal: that comes when every rank has closed its device.</remarks>
internal abstract class RankDevices : IDisposable
{
    /// <summary>The host's processor.</summary>
    public static RankDevices OfHost { get; } = new HostDevices();

    /// <summary>What is said before the first step; null where there is nothing to say.</summary>
    public virtual string? Description => null;

    /// <summary>
    /// Whether it only simulates a device, some hundred times as slowly as the host's processor computes: runs are small by default then.
    /// </summary>
    public virtual bool IsEmulated => false;

    /// <summary>Asks the devices how they are; null where nobody can.</summary>
    public virtual IDeviceReader? Reader => null;

    /// <summary>What was asked for.</summary>
    /// <param name="choice">The user's.</param>
    /// <param name="ranks">Of the job, for the description.</param>
    /// <param name="errors">One is added where it can't be had.</param>
    public static RankDevices Open(DeviceChoice choice, int ranks, List<string> errors)
    {
        if (choice == DeviceChoice.Cpu)
        {
            return OfHost;
        }

#if FULLSTACK
        return IlgpuDevices.Open(ranks);
#else
        errors.Add("--device ilgpu: this build was made without ILGPU: build with -p:FullStack=true");
        return OfHost;
#endif
    }

    /// <summary>Opens the device of a slot, for the calling thread.</summary>
    /// <param name="slot">Its place in the job; slots beyond the number of devices share them, round robin.</param>
    /// <param name="worker">What the rank is called in reports, so that its device can be read.</param>
    public abstract IComputeDevice Open(int slot, WorkerId? worker = null);

    /// <inheritdoc/>
    public virtual void Dispose() => GC.SuppressFinalize(this);

    private sealed class HostDevices : RankDevices
    {
        public override IComputeDevice Open(int slot, WorkerId? worker) => new CpuDevice();
    }
}
