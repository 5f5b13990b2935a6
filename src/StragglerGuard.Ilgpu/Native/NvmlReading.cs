using StragglerGuard.Core.Attribution;

namespace StragglerGuard.Ilgpu.Native;

/// <summary>What NVML's numbers mean.</summary>
internal static class NvmlReading
{
    // nvml.h, nvmlClocksThrottleReason*: power cap, hardware slowdown, thermal by software and by hardware, power brake. The rest
    // (idle, clocks set by an administrator, sync boost, display) is no hold-down by heat or power.
    private const ulong HeatOrPower = 0x4 | 0x8 | 0x20 | 0x40 | 0x80;

    /// <summary>A reading of what a device answered; null is no answer.</summary>
    /// <param name="clockMhz">The clock of its multiprocessors now, MHz.</param>
    /// <param name="nominalClockMhz">Their clock under load, MHz.</param>
    /// <param name="throttleReasons">Why the clock is not higher, a set of bits.</param>
    public static DeviceReading Of(uint? clockMhz, uint? nominalClockMhz, ulong? throttleReasons) =>
        new(clockMhz, nominalClockMhz, throttleReasons is ulong reasons ? (reasons & HeatOrPower) != 0 : null);
}
