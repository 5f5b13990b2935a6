using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Evaluation.Fleets;

/// <summary>Ranks that become a little slower, at once or gradually.</summary>
/// <remarks>A ramp that ends above the minimum effect counts as found by either, creep or verdict, whichever came first; a small step by creep alone.</remarks>
internal sealed class CreepFigures : IFigureGroup
{
    private const int WithinSteps = 60;
    private const double LeastRecall = 0.95;

    public string Name => "creep";

    public string Summary => "steps of 5–9 % and ramps to 15 %: recall within 60 steps";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        int seeds = isQuick ? 60 : 200;
        foreach (int ranks in isQuick ? [8, 64] : new[] { 4, 8, 64, 256 })
        {
            foreach (double cv in new[] { 0.005, 0.01 })
            {
                yield return Recall(
                    ranks, new PaceNoise(cv), "creep, steps of 5, 7 and 9 %", ranks > 64 ? seeds / 4 : seeds, orVerdict: false,
                    [.. new[] { 1.05, 1.07, 1.09 }.Select(factor => (Func<int, long, Fault>)((rank, onset) => new PersistentSlowdown([rank], factor, onset)))]);
                yield return Recall(
                    ranks, new PaceNoise(cv), "creep or verdict, ramps to 15 % in 20, 40 and 60 steps", ranks > 64 ? seeds / 4 : seeds, orVerdict: true,
                    [.. new[] { 20, 40, 60 }.Select(over => (Func<int, long, Fault>)((rank, onset) => new GradualSlowdown(rank, 1.15, over, onset)))]);
            }

            yield return FalseCreep(ranks, new PaceNoise(0.01), isQuick ? 300_000 : 1_000_000);
        }
    }

    private static Figure Recall(int ranks, PaceNoise noise, string what, int seeds, bool orVerdict, Func<int, long, Fault>[] faults)
    {
        Trials[] trials = [.. faults.Select(_ => new Trials())];
        for (int i = 0; i < faults.Length; i++)
        {
            for (int seed = 1; seed <= seeds; seed++)
            {
                trials[i].Add(FleetShape.Equal(ranks), noise, seed, WithinSteps, faults[i], (job, culprit) => RaisedAt(job, culprit, orVerdict));
            }
        }

        Trials worst = trials.MinBy(trial => trial.Recall)!;
        string each = string.Join(", ", trials.Select(trial => $"{trial.Recall:0.000}"));
        return Figure.Of(
            $"{ranks} ranks, {noise}", what,
            $"{each}, median {worst.MedianDelay:0} steps; {trials.Sum(trial => trial.Wrong)} wrong (seeds 1–{seeds})", "each ≥ 0.95",
            worst.Recall >= LeastRecall);
    }

    private static long? RaisedAt(JudgedFleet job, int culprit, bool orVerdict)
    {
        foreach (DetectionEvent found in job.Events)
        {
            bool isCreep = found is { Kind: DetectionEventKind.FindingRaised, Verdict: VerdictKind.Creep };
            bool isVerdict = orVerdict && found.Kind == DetectionEventKind.StragglerConfirmed;
            if (found.Rank == new Rank(culprit) && (isCreep || isVerdict))
            {
                return found.RaisedAtStep;
            }
        }

        return null;
    }

    private static Figure FalseCreep(int ranks, PaceNoise noise, long rankSteps)
    {
        JudgedFleet job = new JudgedFleet(FleetShape.Equal(ranks), noise, seed: 5).Run(rankSteps / ranks);
        return Figure.Told(
            $"{ranks} healthy ranks, {noise}", $"creep reported in {rankSteps:#,0} rank-steps", $"{job.Findings(VerdictKind.Creep).Count()} (seed 5)");
    }
}
