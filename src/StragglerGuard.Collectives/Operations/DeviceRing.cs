using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Operations;

/// <summary>The seats of a group whose ranks are threads of one process, so that each finds the device of the one before it.</summary>
/// <param name="worldSize">Ranks.</param>
internal sealed class DeviceRing(int worldSize)
{
    private readonly DeviceRingSeat?[] _seats = new DeviceRingSeat?[worldSize];

    public void Take(Rank rank, DeviceRingSeat seat) => Volatile.Write(ref _seats[rank.Value], seat);

    /// <summary>A rank's seat, once it has said that it took one.</summary>
    public DeviceRingSeat Of(Rank rank) => Volatile.Read(ref _seats[rank.Value])
        ?? throw new InvalidOperationException($"{rank} has no device in the ring.");
}
