using StragglerGuard.Collectives.Transports;

namespace StragglerGuard.Collectives.Operations;

/// <summary>When a communicator prefers few hops to few bytes. Must be equal at all ranks.</summary>
public sealed record CommunicatorOptions
{
    /// <summary>Vectors up to here go from everyone to everyone in one hop; longer ones round the ring.</summary>
    /// <value>Bytes, 0 … <see cref="TransportLimits.EagerBytesMax"/>; default 4 Ki.</value>
    public int SmallBytesMax { get; init; } = 4 * 1024;

    /// <summary>Bytes of a broadcast that one rank passes on while it receives the next.</summary>
    /// <value>64 … 16 Mi, a multiple of 64; default 256 Ki.</value>
    public int BroadcastChunkBytes { get; init; } = 256 * 1024;

    /// <summary>
    /// Whether ranks that are threads of one process sum on their devices, where all have an <see cref="Devices.IPeerDevice"/>; else, and
    /// up to <see cref="SmallBytesMax"/>, vectors go through the host.
    /// </summary>
    /// <value>Default true.</value>
    public bool ReducesOnDevices { get; init; } = true;

    /// <summary>Bytes that a device fetches from another between two words.</summary>
    /// <value>64 … 1 Gi; default 16 Mi. Where devices can't read each other, so much host memory and device memory is held at the most.</value>
    public int DeviceChunkBytes { get; init; } = 16 * 1024 * 1024;

    internal void Validate()
    {
        if (SmallBytesMax is < 0 or > TransportLimits.EagerBytesMax)
        {
            throw new ArgumentOutOfRangeException(nameof(SmallBytesMax), SmallBytesMax, $"0 … {TransportLimits.EagerBytesMax}");
        }

        if (BroadcastChunkBytes is < 64 or > 16 * 1024 * 1024 || BroadcastChunkBytes % 64 != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(BroadcastChunkBytes), BroadcastChunkBytes, "64 … 16 Mi, a multiple of 64");
        }

        if (DeviceChunkBytes is < 64 or > 1024 * 1024 * 1024)
        {
            throw new ArgumentOutOfRangeException(nameof(DeviceChunkBytes), DeviceChunkBytes, "64 … 1 Gi");
        }
    }
}
