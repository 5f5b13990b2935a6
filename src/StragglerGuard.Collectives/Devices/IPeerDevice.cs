using System.Numerics;

namespace StragglerGuard.Collectives.Devices;

/// <summary>
/// A device with a memory of its own that takes part in reductions with its like in the same process: sums are formed on the devices, and
/// nothing passes through the host where devices reach each other.
/// </summary>
/// <remarks>As all of a device, it belongs to one thread at a time; only <see cref="HostStage"/> is read by another device's thread.</remarks>
public interface IPeerDevice : IComputeDevice
{
    /// <summary>Whether this device's operations can read the memory of another; where that takes a switch, it is on afterwards.</summary>
    /// <param name="peer">Any device, this one excepted.</param>
    bool CanRead(IComputeDevice peer);

    /// <summary>destination ← destination + source, element by element.</summary>
    /// <param name="source">Of a device that this one can read; all that was issued for it there is done.</param>
    /// <param name="destination">Of this device; as long.</param>
    void AddFrom<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>destination ← source.</summary>
    /// <param name="source">Of a device that this one can read; all that was issued for it there is done.</param>
    /// <param name="destination">Of this device; as long.</param>
    void CopyFrom<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>Host memory that this device copies to quickly, for what another one can't read: page-locked where there is such a thing.</summary>
    /// <param name="bytes">1 or more.</param>
    HostStage CreateStage(int bytes);

    /// <summary>The beginning of a stage ← source. It is done when the call returns.</summary>
    /// <param name="source">Of this device; not longer than the stage.</param>
    /// <param name="stage">Made by this device.</param>
    void Store<T>(DeviceSlice<T> source, HostStage stage)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>destination ← the beginning of a stage.</summary>
    /// <param name="stage">Made by any device.</param>
    /// <param name="destination">Of this device; not longer than the stage.</param>
    void Load<T>(HostStage stage, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>Waits until all that was issued is done.</summary>
    void Synchronize();
}

/// <summary>Host memory between two devices, see <see cref="IPeerDevice.CreateStage"/>.</summary>
public abstract class HostStage : IDisposable
{
    /// <summary>The memory itself; valid until disposal.</summary>
    public abstract Span<byte> Bytes { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the memory.</summary>
    protected abstract void Dispose(bool disposing);
}
