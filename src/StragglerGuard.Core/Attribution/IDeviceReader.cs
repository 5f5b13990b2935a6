namespace StragglerGuard.Core.Attribution;

/// <summary>Asks devices how they are. Called on a thread of its own, at most once an interval for each rank, never in the training loop.</summary>
public interface IDeviceReader
{
    /// <summary>What the device behind a rank says now.</summary>
    /// <param name="worker">Node and device.</param>
    /// <returns>What is not known is null; all of it for a device that the reader does not know.</returns>
    DeviceReading Read(WorkerId worker);
}
