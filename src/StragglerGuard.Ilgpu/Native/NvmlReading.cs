using StragglerGuard.Core.Attribution;

namespace StragglerGuard.Ilgpu.Native;

/// <summary>What NVML's numbers mean.</summary>
internal static class NvmlReading
{
    // nvml.h, nvmlClocksEventReason* (formerly nvmlClocksThrottleReason*): the bits of ClockLimits are NVML's. Later ones are not known here.
    private const ulong Known = 0x1FF;

    /// <summary>A reading of what a device answered; null is no answer.</summary>
    /// <param name="clockMhz">The clock of its multiprocessors now, MHz.</param>
    /// <param name="nominalClockMhz">Their clock under load, MHz.</param>
    /// <param name="limits">Why the clock is not higher, a set of bits.</param>
    public static DeviceReading Of(uint? clockMhz, uint? nominalClockMhz, ulong? limits) =>
        new(clockMhz, nominalClockMhz, limits is { } bits ? ((ClockLimits)(bits & Known) & ClockLimits.HeatOrPower) != 0 : null)
        {
            Limits = limits is { } all ? (ClockLimits)(all & Known) : null,
        };
}
