using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Evaluation.Fleets;

/// <summary>One row for every kind of fault: in how many of the seeded fleets it was called by its name, and who else was accused.</summary>
internal sealed class FaultKindFigures : IFigureGroup
{
    private const int Ranks = 16;
    private const int Culprit = 5;
    private const long Onset = 120;
    private const double LeastShare = 0.95;

    private static readonly PaceNoise Noise = new(0.015, Memory: 0.3, CommonCv: 0.01);

    public string Name => "kinds";

    public string Summary => "every kind of fault: found, by its name, and nobody else accused";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        int seeds = isQuick ? 20 : 100;
        foreach (Scenario scenario in Scenarios())
        {
            yield return Judge(scenario, seeds);
        }

        yield return Hangs(seeds);
    }

    private static IEnumerable<Scenario> Scenarios()
    {
        int[] all = [.. Enumerable.Range(0, Ranks)];
        int[] most = [.. all.Take((Ranks / 2) + 2)];
        yield return new("persistent, 1.3×", [new PersistentSlowdown([Culprit], 1.3, Onset)], [Culprit], IsAccused(VerdictKind.PersistentSlowness));
        yield return new("slow from the first step, 1.2×", [new PersistentSlowdown([Culprit], 1.2, 0)], [Culprit], IsAccused(VerdictKind.SlowFromStart));
        yield return new(
            "three culprits, 1.25×", [new PersistentSlowdown([1, Culprit, 11], 1.25, Onset)], [1, Culprit, 11],
            IsAccused(VerdictKind.PersistentSlowness));
        yield return new(
            "two, 1.5× and 1.15×", [new PersistentSlowdown([2], 1.5, Onset), new PersistentSlowdown([Culprit], 1.15, Onset + 5)], [2, Culprit],
            IsAccused(VerdictKind.PersistentSlowness));
        yield return new("the majority, 1.4×", [new PersistentSlowdown(most, 1.4, Onset)], most, IsAccused(VerdictKind.PersistentSlowness));
        yield return new("the whole group, 1.4×", [new PersistentSlowdown(all, 1.4, Onset)], [], IsFound(VerdictKind.GroupSlowdown, ofRank: false));
        yield return new("drift to 8 % in 100 steps", [new GradualSlowdown(Culprit, 1.08, 100, Onset)], [], IsFound(VerdictKind.Creep));
        yield return new("jitter, 12 % of steps 1.8×", [new RandomSpikes(Culprit, 0.12, 1.8, Onset)], [], IsFound(VerdictKind.Jitter))
        {
            MayBeAccused = [Culprit],
        };
        yield return new("periodic stalls, every 20th 1.8×", [new PeriodicStalls(Culprit, 20, 1.8, Onset)], [], IsFound(VerdictKind.PeriodicStall));
        yield return new("transfer, 3×", [new SlowTransfer(3, Onset)], [], IsFound(VerdictKind.FabricSlowdown, ofRank: false));
        yield return new("waiting for input, 40 ms", [new InputStarvation(Culprit, 40e6, Onset)], [Culprit], IsCausedBy(Cause.Input));
        yield return new("1.7× the tokens", [new UnequalTokens(Culprit, 1.7, Onset)], [Culprit], IsCausedBy(Cause.Workload));
        yield return new("records stay away", [new Silence(Culprit, Onset)], [], IsFound(VerdictKind.MissingRank));
        yield return new("a rank becomes 2× as fast", [new PersistentSlowdown([Culprit], 0.5, Onset)], [], _ => true);
    }

    private static Figure Judge(Scenario scenario, int seeds)
    {
        int found = 0;
        int wrong = 0;
        for (int seed = 1; seed <= seeds; seed++)
        {
            JudgedFleet job = new JudgedFleet(FleetShape.Equal(Ranks), Noise, seed, scenario.Faults).Run(Onset + 280);
            bool areAllAccused = !scenario.Culprits.Except(job.Accused).Any();
            found += areAllAccused && scenario.IsNamed(job) ? 1 : 0;
            wrong += job.Accused.Except(scenario.Culprits).Count(rank => !scenario.MayBeAccused.Contains(rank));
        }

        double share = (double)found / seeds;
        return Figure.Of(
            $"{Ranks} ranks, {Noise}", scenario.Name, $"{share:0.000} named, {wrong} wrong (seeds 1–{seeds})", "≥ 0.95, 0 wrong",
            share >= LeastShare && wrong == 0);
    }

    // Nobody reports steps that never end: what a hang looks like comes by the clock, not by frames.
    private static Figure Hangs(int seeds)
    {
        const long StepNs = 400_000_000;
        int found = 0;
        int wrong = 0;
        for (int seed = 1; seed <= seeds; seed++)
        {
            var chance = new Chance(seed);
            var watch = new ProgressWatch(Ranks);
            var sink = new DetectionEvents();
            long nowNs = 0;
            for (long step = 0; nowNs < 100 * StepNs; step++)
            {
                nowNs += (long)(StepNs * Math.Exp(0.1 * chance.Normal()));
                bool isHung = step >= Onset / 2;
                for (int rank = 0; rank < Ranks && (!isHung || step == Onset / 2); rank++)
                {
                    if (!isHung || rank != Culprit)
                    {
                        watch.Heard(new Rank(rank), step, nowNs);
                    }
                }

                watch.Check(nowNs, sink);
            }

            found += sink.Any(hang => hang is { Kind: DetectionEventKind.FindingRaised, Verdict: VerdictKind.Hang } && hang.Rank == new Rank(Culprit)) ? 1 : 0;
            wrong += sink.Count(hang => hang.Rank is { } rank && rank != new Rank(Culprit));
        }

        double share = (double)found / seeds;
        return Figure.Of(
            $"{Ranks} ranks, steps of 0.4 s ± 10 %", "hang", $"{share:0.000} named, {wrong} wrong (seeds 1–{seeds})", "≥ 0.95, 0 wrong",
            share >= LeastShare && wrong == 0);
    }

    private static Func<JudgedFleet, bool> IsAccused(VerdictKind kind) => job => job.Accusations.All(found => found.Verdict == kind);

    private static Func<JudgedFleet, bool> IsCausedBy(Cause cause) => job => job.Accusations.All(found => found.Cause == cause);

    private static Func<JudgedFleet, bool> IsFound(VerdictKind kind, bool ofRank = true) =>
        job => job.Findings(kind).Any(found => found.Rank == (ofRank ? new Rank(Culprit) : null));

    private sealed record Scenario(string Name, IReadOnlyList<Fault> Faults, int[] Culprits, Func<JudgedFleet, bool> IsNamed)
    {
        /// <summary>Not healthy, and not slow all the time: by chance it may be for long enough to be called so.</summary>
        public int[] MayBeAccused { get; init; } = [];
    }
}
