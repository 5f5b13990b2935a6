using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Evaluation.Fleets;

/// <summary>Small jobs on a crowded machine, as the gloo recordings are: steps of milliseconds, a third of noise, a fault in the middle third.</summary>
internal sealed class NoisyFigures : IFigureGroup
{
    private const int Culprit = 2;
    private const int Third = 100;
    private const int OnsetStepsMax = 25;
    private const int StoppedOnsetStepsMax = 35;
    private const double LeastShare = 0.95;
    private const long HealthySteps = 50_000;

    public string Name => "noisy";

    public string Summary => "small jobs with a third of noise: slowed, stopped, slow network, healthy";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        int seeds = isQuick ? 50 : 200;
        foreach (int ranks in new[] { 4, 8 })
        {
            var noise = new PaceNoise(0.33, Memory: 0.1);
            yield return Slowed(ranks, noise, "1.7×", new PersistentSlowdown([Culprit], 1.7, Third, 2 * Third), OnsetStepsMax, seeds, hasTarget: false);
            yield return Slowed(ranks, noise, "2.5×", new PersistentSlowdown([Culprit], 2.5, Third, 2 * Third), OnsetStepsMax, seeds, hasTarget: true);
            yield return Slowed(ranks, noise, "5×", new PersistentSlowdown([Culprit], 5, Third, 2 * Third), OnsetStepsMax, seeds, hasTarget: true);
            yield return Slowed(
                ranks, noise, "5× in 75 % of its steps", new RandomSpikes(Culprit, 0.75, 5, Third, 2 * Third), StoppedOnsetStepsMax, seeds,
                hasTarget: true);
            yield return SlowNetwork(ranks, noise, seeds);
            yield return Healthy(ranks, noise);
            yield return Healthy(ranks, noise with { IsHeavyTailed = true });
        }
    }

    private static FleetShape Shape(int ranks) => FleetShape.Equal(ranks) with
    {
        UnitNs = [.. Enumerable.Repeat(1e6, ranks)],
        TransferNs = 7e6,
        ExitSkewNs = 300_000,
    };

    private static Figure Slowed(int ranks, PaceNoise noise, string what, Fault fault, int within, int seeds, bool hasTarget)
    {
        int found = 0;
        int inTime = 0;
        int recovered = 0;
        int wrong = 0;
        for (int seed = 1; seed <= seeds; seed++)
        {
            JudgedFleet job = new JudgedFleet(Shape(ranks), noise, seed, fault).Run(3 * Third);
            DetectionEvent[] ofCulprit = [.. job.Accusations.Where(verdict => verdict.Rank == new Rank(Culprit))];
            wrong += job.Accused.Count(rank => rank != Culprit);
            found += ofCulprit.Length > 0 ? 1 : 0;
            inTime += ofCulprit.Any(verdict => Math.Abs(verdict.OnsetStep - Third) <= within && verdict.RaisedAtStep - Third <= within) ? 1 : 0;
            recovered += job.Detector.StateOf(new Rank(Culprit)).Health != RankHealth.Straggling ? 1 : 0;
        }

        string subject = $"{ranks} ranks, {noise}";
        string figure = $"one slowed {what}: found, onset and verdict within {within} steps, over at the end";
        string measured = $"{(double)found / seeds:0.00}, {(double)inTime / seeds:0.00}, {(double)recovered / seeds:0.00}; {wrong} wrong (seeds 1–{seeds})";
        bool isMet = Math.Min(inTime, recovered) >= LeastShare * seeds && wrong == 0;
        return hasTarget ? Figure.Of(subject, figure, measured, "≥ 0.95, 0 wrong", isMet) : Figure.Told(subject, figure, measured);
    }

    private static Figure SlowNetwork(int ranks, PaceNoise noise, int seeds)
    {
        int found = 0;
        int wrong = 0;
        for (int seed = 1; seed <= seeds; seed++)
        {
            JudgedFleet job = new JudgedFleet(Shape(ranks), noise, seed, new SlowTransfer(6, Third, 2 * Third)).Run(3 * Third);
            found += job.Findings(VerdictKind.FabricSlowdown).Any(verdict => verdict.RaisedAtStep >= Third && verdict.RaisedAtStep < 2 * Third) ? 1 : 0;
            wrong += job.Accused.Length;
        }

        double share = (double)found / seeds;
        return Figure.Of(
            $"{ranks} ranks, {noise}", "transfer 6×: fabric named, nobody accused", $"{share:0.00}; {wrong} wrong (seeds 1–{seeds})", "≥ 0.95, 0 wrong",
            share >= LeastShare && wrong == 0);
    }

    private static Figure Healthy(int ranks, PaceNoise noise)
    {
        const int Seed = 4;
        JudgedFleet job = new JudgedFleet(Shape(ranks), noise, Seed).Run(HealthySteps);
        return Figure.Told(
            $"{ranks} healthy ranks, {noise}", $"false verdicts in {ranks * HealthySteps:#,0} rank-steps", $"{job.Accusations.Count()} (seed {Seed})");
    }
}
