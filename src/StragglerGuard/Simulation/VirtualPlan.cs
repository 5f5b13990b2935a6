using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Simulation;

/// <summary>What a virtual fleet does in a step.</summary>
/// <param name="Epoch">The version of the plan.</param>
/// <param name="Shares">Micro-batches of each replica; −1 where it is no member.</param>
/// <param name="DeadlineNs">Own compute time from the step's start after which a replica begins no further micro-batch, ns; 0: none.</param>
/// <param name="Backups">The reduction waits for all members but so many; 0: for all.</param>
/// <param name="Generation">The membership; a change of it costs the guarded job a regrouping.</param>
internal sealed record VirtualPlan(PlanEpoch Epoch, int[] Shares, long DeadlineNs = 0, int Backups = 0, Generation Generation = default)
{
    /// <summary>A replica that is no member.</summary>
    public const int NotMember = JobPlan.NotMember;

    /// <summary>What every job starts with.</summary>
    public static VirtualPlan Even(Scenario scenario) => new(PlanEpoch.Initial, EvenDeal.Of(scenario.MicroBatches, scenario.Replicas));
}
