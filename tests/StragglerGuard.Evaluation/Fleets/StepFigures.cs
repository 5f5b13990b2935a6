using StragglerGuard.Core;
using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Evaluation.Fleets;

/// <summary>Ranks that become slower by a step of 12 % or more.</summary>
internal sealed class StepFigures : IFigureGroup
{
    private const int WithinSteps = 40;
    private const double LeastRecall = 0.99;

    public string Name => "steps";

    public string Summary => "a rank slower by 12 % or more: recall within 40 steps";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        double[] factors = isQuick ? [1.12, 1.2] : [1.12, 1.15, 1.2, 1.5, 2];
        foreach (int ranks in isQuick ? [8, 64] : new[] { 4, 8, 64, 256 })
        {
            foreach (double cv in new[] { 0.01, 0.02, 0.03 })
            {
                yield return Recall(ranks, new PaceNoise(cv), factors, seeds: ranks <= 8 || (ranks <= 64 && !isQuick) ? 400 : 100);
            }
        }

        foreach (double cv in new[] { 0.01, 0.02, 0.03 })
        {
            yield return RecallOfMany(6_000, new PaceNoise(cv), 1.12, isQuick ? 1 : 4);
        }
    }

    private static Figure Recall(int ranks, PaceNoise noise, double[] factors, int seeds)
    {
        var trials = factors.ToDictionary(factor => factor, _ => new Trials());
        foreach ((double factor, Trials trial) in trials)
        {
            for (int seed = 1; seed <= seeds; seed++)
            {
                trial.Add(
                    FleetShape.Equal(ranks), noise, seed, WithinSteps, (rank, onset) => new PersistentSlowdown([rank], factor, onset), RaisedAt);
            }
        }

        (double worst, Trials least) = trials.MinBy(trial => trial.Value.Recall);
        int wrong = trials.Values.Sum(trial => trial.Wrong);
        return Figure.Of(
            $"{ranks} ranks, {noise}", $"recall of steps {string.Join(", ", factors.Select(factor => $"{100 * (factor - 1):0}"))} %, the worst",
            $"{least.Recall:0.000} at {100 * (worst - 1):0} %, median {least.MedianDelay:0} steps; {wrong} wrong (seeds 1–{seeds})", "≥ 0.99",
            least.Recall >= LeastRecall);
    }

    private static long? RaisedAt(JudgedFleet job, int culprit) =>
        job.Accusations.FirstOrDefault(found => found.Rank == new Rank(culprit)) is { Rank: not null } found ? found.RaisedAtStep : null;

    // In a fleet of thousands many ranks may be slow at once and are still few.
    private static Figure RecallOfMany(int ranks, PaceNoise noise, double factor, int seeds)
    {
        const int Onset = 80;
        const int Every = 60;
        var trials = new Trials();
        int[] culprits = [.. Enumerable.Range(0, ranks / Every).Select(i => (i * Every) + 7)];
        for (int seed = 1; seed <= seeds; seed++)
        {
            JudgedFleet job = new JudgedFleet(FleetShape.Equal(ranks), noise, seed, new PersistentSlowdown(culprits, factor, Onset)).Run(Onset + WithinSteps);
            var raisedAt = job.Accusations.GroupBy(found => found.Rank!.Value.Value).ToDictionary(rank => rank.Key, rank => rank.First().RaisedAtStep);
            foreach (int culprit in culprits)
            {
                trials.Note(raisedAt.TryGetValue(culprit, out long step) && step >= Onset ? step - Onset + 1 : null);
            }

            trials.Blame(job.Accused.Except(culprits).Count());
        }

        return Figure.Of(
            $"{ranks:#,0} ranks, {noise}", $"recall of {culprits.Length} steps of {100 * (factor - 1):0} %",
            $"{trials.Recall:0.000}, median {trials.MedianDelay:0} steps; {trials.Wrong} wrong (seeds 1–{seeds})", "≥ 0.99", trials.Recall >= LeastRecall);
    }
}
