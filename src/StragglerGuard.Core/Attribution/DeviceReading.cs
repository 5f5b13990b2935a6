namespace StragglerGuard.Core.Attribution;

/// <summary>What a device says of itself. What is not known is null.</summary>
/// <param name="ClockMhz">Its clock now, MHz.</param>
/// <param name="NominalClockMhz">The clock that devices of its class hold under load, MHz.</param>
/// <param name="IsThrottled">Whether the driver says that heat or power holds the clock down.</param>
public readonly record struct DeviceReading(double? ClockMhz = null, double? NominalClockMhz = null, bool? IsThrottled = null)
{
    /// <summary>How much longer work takes at this clock, as a log: 0 at the nominal clock.</summary>
    /// <value>Null where a clock is unknown or nonsense.</value>
    public double? LogSlowdown =>
        ClockMhz is double clock and > 0 && NominalClockMhz is double nominal and > 0 ? Math.Log(nominal / clock) : null;
}
