using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;
using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Evaluation.Fleets;

/// <summary>What stands before a destructive action: shut for every healthy rank, open for a slow one.</summary>
internal sealed class GateFigures : IFigureGroup
{
    private const int FullRanks = 20_000;
    private const int FullSteps = 5_000;
    private const int WithinSteps = 100;
    private const double SlowFactor = 1.15;

    private static readonly PaceNoise Noise = new(0.02, Memory: 0.5);

    public string Name => "gate";

    public string Summary => "destructive gate: 20,000 healthy ranks × 5,000 steps, and ranks slow by 15 %";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        int steps = isQuick ? FullSteps / 20 : FullSteps;
        yield return Healthy(FullRanks, steps, chipSpread: 0.02, seed: 11);
        yield return Healthy(isQuick ? 2_000 : FullRanks, isQuick ? FullSteps / 5 : FullSteps / 2, chipSpread: 0.03, seed: 12);
        yield return Slow(FullRanks, culprits: 40, isQuick ? 1 : 3);
        yield return Slow(64, culprits: 1, isQuick ? 20 : 100);
    }

    private static FleetShape Shape(int ranks, double chipSpread) =>
        FleetShape.Equal(ranks) with { ChipSpread = chipSpread, IsDealtBySpeed = true, UnitsPerRank = 12, FixedNs = 1e6 };

    private static Figure Healthy(int ranks, int steps, double chipSpread, int seed)
    {
        var job = new JudgedFleet(Shape(ranks, chipSpread), Noise, seed);
        var accused = new HashSet<int>();
        var opened = new HashSet<int>();
        int seen = 0;
        job.Run(steps, _ =>
        {
            for (; seen < job.Events.Count; seen++)
            {
                if (job.Events[seen] is { Kind: DetectionEventKind.StragglerConfirmed, Rank: { } rank })
                {
                    accused.Add(rank.Value);
                }
            }

            opened.UnionWith(accused.Where(rank => job.Detector.IsBeyondDoubt(new Rank(rank))));
        });
        string who = opened.Count == 0 ? "" : $": rank {string.Join(", ", opened.Order().Take(5))}";
        return Figure.Of(
            $"{ranks:#,0} healthy ranks × {steps:#,0} steps, {Noise}, chips ±{100 * chipSpread:0} %, dealt by speed", "ranks open to destruction",
            $"{opened.Count}{who} (seed {seed}; {accused.Count} called slow)", "0", opened.Count == 0);
    }

    // Slow by 15 % against its peers: a nominal chip, in a fleet whose other chips differ.
    private static Figure Slow(int ranks, int culprits, int seeds)
    {
        const int Onset = 100;
        int[] slow = [.. Enumerable.Range(0, culprits).Select(i => (i * (ranks / culprits)) + 3)];
        var trials = new Trials();
        for (int seed = 1; seed <= seeds; seed++)
        {
            var openedAt = new Dictionary<int, long>();
            FleetShape shape = Shape(ranks, 0.02) with { NominalChips = slow };
            var job = new JudgedFleet(
                shape, Noise, seed, new JobDetectorOptions { FleetRanks = FullRanks }, new PersistentSlowdown(slow, SlowFactor, Onset));
            job.Run(Onset + WithinSteps, frame => Look(job, frame, openedAt));
            foreach (int rank in slow)
            {
                trials.Note(openedAt.TryGetValue(rank, out long step) && step >= Onset ? step - Onset + 1 : null);
            }

            trials.Blame(openedAt.Keys.Except(slow).Count());
        }

        return Figure.Of(
            $"{ranks:#,0} ranks of {FullRanks:#,0}, {Noise}, {culprits} slow by 15 %", "share that passes within 100 steps",
            $"{trials.Recall:0.000}, median {trials.MedianDelay:0} steps; {trials.Wrong} wrong (seeds 1–{seeds})", "≥ 0.99, 0 wrong",
            trials.Recall >= 0.99 && trials.Wrong == 0);
    }

    private static void Look(JudgedFleet job, StepFrame frame, Dictionary<int, long> openedAt)
    {
        foreach (int rank in job.Accused)
        {
            if (!openedAt.ContainsKey(rank) && job.Detector.IsBeyondDoubt(new Rank(rank)))
            {
                openedAt.Add(rank, frame.Step);
            }
        }
    }
}
