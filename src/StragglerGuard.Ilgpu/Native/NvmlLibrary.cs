using System.Runtime.InteropServices;
using System.Text;
using StragglerGuard.Core.Attribution;

namespace StragglerGuard.Ilgpu.Native;

/// <summary>NVIDIA's management library, as far as readings need it. Loaded once; it comes with the driver. Safe for several threads.</summary>
/// <remarks>A function that a driver has not, or that a device does not support, leaves its figure unknown.</remarks>
internal sealed unsafe class NvmlLibrary
{
    private const int Success = 0;
    private const int SmClock = 1;
    private const int ChipSensor = 0;
    private const double WattsPerMilliwatt = 1e-3;
    private const double SharePerPercent = 1e-2;

    private static readonly Lazy<NvmlLibrary?> s_installed = new(Load);

    private readonly delegate* unmanaged<byte*, nint*, int> _handleByPciBusId;
    private readonly delegate* unmanaged<byte*, nint*, int> _handleByUuid;
    private readonly delegate* unmanaged<nint, int, uint*, int> _clock;
    private readonly delegate* unmanaged<nint, int, uint*, int> _defaultClock;
    private readonly delegate* unmanaged<nint, int, uint*, int> _maxClock;
    private readonly delegate* unmanaged<nint, ulong*, int> _clockLimits;
    private readonly delegate* unmanaged<nint, int, uint*, int> _temperature;
    private readonly delegate* unmanaged<nint, uint*, int> _power;
    private readonly delegate* unmanaged<nint, uint*, int> _utilization;

    /// <summary>Takes the functions of a library that is initialised.</summary>
    /// <param name="export">The address of a function; 0 where there is none.</param>
    public NvmlLibrary(Func<string, nint> export)
    {
        _handleByPciBusId = (delegate* unmanaged<byte*, nint*, int>)export("nvmlDeviceGetHandleByPciBusId_v2");
        _handleByUuid = (delegate* unmanaged<byte*, nint*, int>)export("nvmlDeviceGetHandleByUUID");
        _clock = (delegate* unmanaged<nint, int, uint*, int>)export("nvmlDeviceGetClockInfo");
        _defaultClock = (delegate* unmanaged<nint, int, uint*, int>)export("nvmlDeviceGetDefaultApplicationsClock");
        _maxClock = (delegate* unmanaged<nint, int, uint*, int>)export("nvmlDeviceGetMaxClockInfo");
        _temperature = (delegate* unmanaged<nint, int, uint*, int>)export("nvmlDeviceGetTemperature");
        _power = (delegate* unmanaged<nint, uint*, int>)export("nvmlDeviceGetPowerUsage");
        _utilization = (delegate* unmanaged<nint, uint*, int>)export("nvmlDeviceGetUtilizationRates");

        // Since driver 535 under the first name; the second says the same.
        nint limits = export("nvmlDeviceGetCurrentClocksEventReasons");
        _clockLimits = (delegate* unmanaged<nint, ulong*, int>)(limits != 0 ? limits : export("nvmlDeviceGetCurrentClocksThrottleReasons"));
    }

    /// <summary>The installed library; null where there is no driver, or none that it can talk to.</summary>
    public static NvmlLibrary? Installed => s_installed.Value;

    /// <summary>The device at a place on the bus, such as <c>0000:3B:00.0</c>; null where the library has none there.</summary>
    public nint? Find(string pciBusId) => Find(_handleByPciBusId, pciBusId);

    /// <summary>The device, or part of one, of a name such as <c>GPU-8932f937-d72c-4106-c12f-20bd9faed9f6</c>; null where the library has none.</summary>
    public nint? FindByUuid(string uuid) => Find(_handleByUuid, uuid);

    /// <summary>Asks a device; what it does not answer is null.</summary>
    public DeviceReading Read(nint device)
    {
        ulong limits;
        uint power;
        uint* utilization = stackalloc uint[2];
        return NvmlReading.Of(
            Ask(_clock, device, SmClock),
            Ask(_defaultClock, device, SmClock) ?? Ask(_maxClock, device, SmClock),
            _clockLimits != null && _clockLimits(device, &limits) == Success ? limits : null) with
        {
            TemperatureCelsius = Ask(_temperature, device, ChipSensor),
            PowerWatts = _power != null && _power(device, &power) == Success ? power * WattsPerMilliwatt : null,
            Utilization = _utilization != null && _utilization(device, utilization) == Success ? utilization[0] * SharePerPercent : null,
        };
    }

    private static nint? Find(delegate* unmanaged<byte*, nint*, int> query, string name)
    {
        byte[] text = Encoding.ASCII.GetBytes(name + "\0");
        nint device;
        fixed (byte* start = text)
        {
            return query != null && query(start, &device) == Success ? device : null;
        }
    }

    private static uint? Ask(delegate* unmanaged<nint, int, uint*, int> query, nint device, int kind)
    {
        uint answer;
        return query != null && query(device, kind, &answer) == Success ? answer : null;
    }

    // Never shut down: the process ends with it, and another part of the process may use it too.
    private static NvmlLibrary? Load() =>
        DriverLibraries.TryLoad(DriverLibraries.Nvml, out nint library)
        && NativeLibrary.TryGetExport(library, "nvmlInit_v2", out nint initialise)
        && ((delegate* unmanaged<int>)initialise)() == Success
            ? new NvmlLibrary(name => NativeLibrary.TryGetExport(library, name, out nint address) ? address : 0)
            : null;
}
