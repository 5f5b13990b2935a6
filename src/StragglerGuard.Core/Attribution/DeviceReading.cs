namespace StragglerGuard.Core.Attribution;

/// <summary>What a device says of itself. What is not known is null, never 0.</summary>
/// <param name="ClockMhz">Its clock now, MHz.</param>
/// <param name="NominalClockMhz">The clock that devices of its class hold under load, MHz.</param>
/// <param name="IsThrottled">Whether the driver says that heat or power holds the clock down.</param>
public readonly record struct DeviceReading(double? ClockMhz = null, double? NominalClockMhz = null, bool? IsThrottled = null)
{
    /// <summary>All that holds the clock down.</summary>
    public ClockLimits? Limits { get; init; }

    /// <summary>Of the chip.</summary>
    /// <value>°C.</value>
    public double? TemperatureCelsius { get; init; }

    /// <summary>What it draws.</summary>
    /// <value>W.</value>
    public double? PowerWatts { get; init; }

    /// <summary>The share of the last moments in which it had work.</summary>
    /// <value>0 … 1.</value>
    public double? Utilization { get; init; }

    /// <summary>Whether anything at all is known.</summary>
    public bool IsKnown => this != default;

    /// <summary>How much longer work takes at this clock, as a log: 0 at the nominal clock.</summary>
    /// <value>Null where a clock is unknown or nonsense, and while the device idles.</value>
    public double? LogSlowdown =>
        Limits?.HasFlag(ClockLimits.Idle) != true
        && ClockMhz is double clock and > 0 && NominalClockMhz is double nominal and > 0 ? Math.Log(nominal / clock) : null;
}
