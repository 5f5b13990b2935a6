using MixedFleet.Fleet;

namespace MixedFleet.Output;

/// <summary>What the user reads of a rank's device: its class, and whether its pace is emulated.</summary>
internal sealed class DeviceLabels(FleetDefinition fleet)
{
    public string Of(int rank) =>
        fleet.Ranks[rank].PaceSeconds is null ? fleet.Ranks[rank].DeviceClass : $"{fleet.Ranks[rank].DeviceClass} em";
}
