using System.Globalization;
using StragglerGuard.Core;
using StragglerGuard.Core.Detection;

namespace StragglerGuard.Guardian;

/// <summary>
/// Ranks that the ledger holds slow by another guardian's word when this one begins. This one's own detector finds again who still is; of who is not any
/// more it would never say so, having seen no recovery.
/// </summary>
/// <param name="slow">The ranks.</param>
internal sealed class InheritedVerdicts(IEnumerable<Rank> slow)
{
    private readonly List<(Rank Rank, int HealthySteps)> _open = [.. slow.Select(rank => (rank, 0))];

    /// <summary>Frames in a row in which the peers must speak for a rank: as many as a baseline remembers.</summary>
    private static int StepsToClear => DetectionParameters.Peers.BaselineSteps;

    /// <summary>Whether every one of them is found again or cleared.</summary>
    public bool IsEmpty => _open.Count == 0;

    /// <summary>Looks at the ranks after a frame.</summary>
    /// <param name="detector">The job's.</param>
    /// <param name="minimumEffect">The least slowdown that counts, a share.</param>
    /// <returns>A rank that is as fast as its peers, and that in words; null where there is none, or another frame must tell.</returns>
    /// <remarks>Against its own history a rank that is slow from the first frame on looks well: only peers can clear it.</remarks>
    public (Rank Rank, string Reason)? Look(JobDetector detector, double minimumEffect)
    {
        for (int i = _open.Count - 1; i >= 0; i--)
        {
            (Rank rank, int healthySteps) = _open[i];
            RankStanding standing = detector.StateOf(rank);
            if (standing.Health == RankHealth.Straggling)
            {
                // Found again: its recovery will be seen.
                _open.RemoveAt(i);
                continue;
            }

            bool isWell = standing is { Health: RankHealth.Healthy, Mode: DetectionMode.Peers } && standing.Slowdown < 1 + (0.5 * minimumEffect);
            _open[i] = (rank, isWell ? healthySteps + 1 : 0);
            if (isWell && healthySteps + 1 >= StepsToClear)
            {
                _open.RemoveAt(i);
                return (rank, string.Create(
                    CultureInfo.InvariantCulture,
                    $"{rank} was slow under the guardian before, and is as fast as its peers now: {standing.Slowdown:0.00} times as long as were it healthy, after {StepsToClear} steps"));
            }
        }

        return null;
    }
}
