using StragglerGuard.Core.Attribution;

namespace StragglerGuard.Fabric.Wire;

/// <summary>Device readings to messages and back. A number that can't be is as good as none.</summary>
internal static class DeviceWire
{
    /// <returns>Null where nothing is known.</returns>
    public static DeviceReadingMessage? Encode(in DeviceReading reading)
    {
        if (!reading.IsKnown)
        {
            return null;
        }

        // The setters of what may be missing take no null.
        var message = new DeviceReadingMessage();
        if (reading.ClockMhz is { } clock)
        {
            message.ClockMhz = clock;
        }

        if (reading.NominalClockMhz is { } nominal)
        {
            message.NominalClockMhz = nominal;
        }

        if (reading.IsThrottled is { } throttled)
        {
            message.IsThrottled = throttled;
        }

        if (reading.Limits is { } limits)
        {
            message.ClockLimits = (uint)limits;
        }

        if (reading.TemperatureCelsius is { } temperature)
        {
            message.TemperatureCelsius = temperature;
        }

        if (reading.PowerWatts is { } power)
        {
            message.PowerWatts = power;
        }

        if (reading.Utilization is { } utilization)
        {
            message.Utilization = utilization;
        }

        return message;
    }

    public static DeviceReading Decode(DeviceReadingMessage? message) => message is null ? default
        : new DeviceReading(
            message.HasClockMhz ? AtLeast(0, message.ClockMhz) : null,
            message.HasNominalClockMhz ? AtLeast(0, message.NominalClockMhz) : null,
            message.HasIsThrottled ? message.IsThrottled : null)
        {
            Limits = message.HasClockLimits ? (ClockLimits)message.ClockLimits : null,
            TemperatureCelsius = message.HasTemperatureCelsius ? AtLeast(AbsoluteZeroCelsius, message.TemperatureCelsius) : null,
            PowerWatts = message.HasPowerWatts ? AtLeast(0, message.PowerWatts) : null,
            Utilization = message.HasUtilization && message.Utilization <= 1 ? AtLeast(0, message.Utilization) : null,
        };

    private const double AbsoluteZeroCelsius = -273.15;

    private static double? AtLeast(double least, double value) => double.IsFinite(value) && value >= least ? value : null;
}
