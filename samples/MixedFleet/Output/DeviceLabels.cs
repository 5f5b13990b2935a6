using MixedFleet.Training;
using StragglerGuard.Core;

namespace MixedFleet.Output;

/// <summary>What the user reads of a rank: its place in the fleet, its device class, and whether its pace is emulated.</summary>
internal sealed class DeviceLabels(RunSettings settings)
{
    /// <summary>The worker's place in the fleet, whatever its rank is in this generation.</summary>
    public int SlotOf(WorkerId worker) =>
        Enumerable.Range(0, settings.WorldSize).First(slot => settings.DeviceOf(slot) == worker.DeviceUuid);

    public string Of(int slot) => settings.Fleet.Ranks[slot] is { PaceSeconds: null } rank
        ? rank.DeviceClass
        : $"{settings.Fleet.Ranks[slot].DeviceClass} em";
}
