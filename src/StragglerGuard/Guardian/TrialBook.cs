using System.Globalization;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;

namespace StragglerGuard.Guardian;

/// <summary>What the ranks of a generation found when a plan had them try a micro-batch that does not count, all at the same time.</summary>
internal sealed class TrialBook(int ranks)
{
    /// <summary>A trial older than so many steps confirms nothing any more.</summary>
    public const int FreshSteps = 256;

    private readonly RankTrial?[] _trials = new RankTrial?[ranks];

    /// <summary>Takes a rank's last trial.</summary>
    public void Note(Rank rank, RankTrial trial) => _trials[rank.Value] = trial;

    /// <summary>Whether every rank has tried under a plan.</summary>
    public bool IsComplete(PlanEpoch epoch) => Array.TrueForAll(_trials, trial => trial?.Epoch == epoch);

    /// <summary>What the trial says of a member.</summary>
    /// <param name="number">The member.</param>
    /// <param name="numbers">Whose each rank is.</param>
    /// <param name="classes">What each member computes on.</param>
    /// <param name="minimumEffect">The least slowdown that counts, a share.</param>
    public (ProbeOpinion Opinion, string Reason) Examine(
        int number, ReplicaNumbers numbers, IReadOnlyList<DeviceClass> classes, double minimumEffect)
    {
        double own = Of(number, numbers);
        double[] peers = [.. Enumerable.Range(0, classes.Count)
            .Where(other => other != number && classes[other] == classes[number]).Select(other => Of(other, numbers))];
        if (peers.Length == 0)
        {
            return (ProbeOpinion.Unknown, $"nobody else in the job computes on {classes[number]}");
        }

        double median = RollingSeconds.MedianOf(peers);
        string numbersSay = string.Create(
            CultureInfo.InvariantCulture,
            $"a micro-batch on trial took it {own:G4} s, {own / median:0.00} times the median of {peers.Length} others on {classes[number]}");
        return (own <= median * (1 + minimumEffect) ? ProbeOpinion.Fit : ProbeOpinion.Slow, numbersSay);
    }

    /// <summary>The slowest of a member's ranks.</summary>
    private double Of(int number, ReplicaNumbers numbers)
    {
        double slowest = 0;
        for (int rank = 0; rank < _trials.Length; rank++)
        {
            slowest = numbers[rank] == number ? Math.Max(slowest, _trials[rank]?.SecondsPerUnit ?? double.NaN) : slowest;
        }

        return slowest;
    }
}
