#if FULLSTACK
using System.Globalization;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Ilgpu;

namespace MixedFleet.Devices;

/// <summary>GPUs through ILGPU, shared by the ranks round robin; where there is none, its simulator.</summary>
internal sealed class IlgpuDevices : RankDevices
{
    private readonly IlgpuPlatform _platform;
    private readonly IReadOnlyList<IlgpuDeviceDescription> _devices;
    private readonly IlgpuDeviceReader? _reader;

    private IlgpuDevices(IlgpuPlatform platform, int ranks)
    {
        _platform = platform;
        _devices = [.. platform.Devices.Where(device => device.Backend == platform.Devices[0].Backend)];
        IsEmulated = _devices[0].Backend == IlgpuBackends.Simulator;
        _reader = _devices[0].Backend == IlgpuBackends.Cuda ? new IlgpuDeviceReader() : null;
        Description = IsEmulated
            ? $"EMULATED by ILGPU's simulator on the host's processor: no GPU here ({string.Join("; ", platform.Absent.OrderBy(absent => absent.Key).Select(absent => $"{absent.Key}: {absent.Value}"))})"
            : string.Create(CultureInfo.InvariantCulture, $"ILGPU, {string.Join(", ", _devices)}: {Sharing(_devices.Count, ranks)}");
    }

    public override string Description { get; }

    public override bool IsEmulated { get; }

    public override IDeviceReader? Reader => _reader;

    /// <summary>CUDA devices where there are some, else OpenCL's, else the simulator, which there always is.</summary>
    public static IlgpuDevices Open(int ranks) => new(IlgpuPlatform.Open(), ranks);

    public override IComputeDevice Open(int slot, WorkerId? worker)
    {
        IlgpuDevice device = _platform.CreateDevice(_devices[slot % _devices.Count]);
        if (worker is { } known)
        {
            _reader?.Add(known, device);
        }

        return device;
    }

    public override void Dispose()
    {
        _platform.Dispose();
        base.Dispose();
    }

    /// <summary>How ranks come by devices.</summary>
    internal static string Sharing(int devices, int ranks) =>
        devices >= ranks ? "one for each rank"
        : devices == 1 ? string.Create(CultureInfo.InvariantCulture, $"shared by {ranks} ranks, which wait for each other")
        : string.Create(CultureInfo.InvariantCulture, $"{devices} shared by {ranks} ranks, round robin, which wait for each other");
}
#endif
