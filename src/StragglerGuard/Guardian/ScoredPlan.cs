using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;

namespace StragglerGuard.Guardian;

/// <summary>An action as the policy sees it, and the plan that carries it out.</summary>
/// <param name="Candidate">What is expected of it.</param>
/// <param name="Generation">The membership of the plan.</param>
/// <param name="Shares">By slot.</param>
/// <param name="DeadlineNs">See <see cref="JobPlan.DeadlineNs"/>.</param>
/// <param name="Backups">See <see cref="JobPlan.Backups"/>.</param>
/// <param name="IsTrial">See <see cref="JobPlan.IsTrial"/>.</param>
internal sealed record ScoredPlan(
    MitigationCandidate Candidate, Generation Generation, int[] Shares, long DeadlineNs = 0, int Backups = 0, bool IsTrial = false)
{
    public JobPlan Under(PlanEpoch epoch) => new(epoch, Generation, Shares, DeadlineNs, Backups, IsTrial);
}
