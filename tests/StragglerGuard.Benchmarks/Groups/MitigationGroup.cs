using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Benchmarks.Peers;
using StragglerGuard.Benchmarks.Printing;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;

namespace StragglerGuard.Benchmarks.Groups;

/// <summary>The planners behind deadline, backup workers, eviction and pools, and the speeds that they all rest on.</summary>
internal sealed class MitigationGroup : IBenchmarkGroup
{
    private const int Seed = 20_260_731;

    private double _seen;

    /// <inheritdoc/>
    public string Name => "mitigation";

    /// <inheritdoc/>
    public string Summary => "speeds, replicas, deadline, backup workers, eviction and pools, at fleet size";

    /// <inheritdoc/>
    public IEnumerable<Row> Measure(Effort effort)
    {
        yield return Speeds(effort, ranks: 4_096);
        yield return Replicas(effort, ranks: 220_000, ranksPerReplica: 8);
        yield return Deadline(effort, ranks: 512, frames: 64, microBatches: 8);
        yield return Backup(effort, workers: 64, steps: 128);
        yield return Eviction(effort, replicas: 4_096, candidates: 8);
        yield return Pools(effort, members: 220_000, isMeasured: false);
        yield return Pools(effort, members: 220_000, isMeasured: true);
    }

    private Row Speeds(Effort effort, int ranks)
    {
        var random = new Random(Seed);
        var estimator = new SpeedEstimator(ranks);
        var fresh = new FreshMedians(ranks, SpeedEstimator.WindowSamples);
        var computeNs = new long[64][];
        for (int i = 0; i < computeNs.Length; i++)
        {
            computeNs[i] = [.. Enumerable.Range(0, ranks).Select(_ => (long)(1e8 * (1 + (0.05 * random.NextDouble()))))];
        }

        int[] workUnits = [.. Enumerable.Repeat(1, ranks)];
        bool[] present = [.. Enumerable.Repeat(true, ranks)];
        var estimates = new double[ranks];
        long step = 0;
        long freshStep = 0;
        Series[] series = Interleaved.Run(
            effort,
            Contestant.Of(ranks, () =>
            {
                estimator.Observe(step, computeNs[step % computeNs.Length], workUnits, present);
                estimator.CopyEstimates(estimates);
                step++;
            }),
            Contestant.Of(ranks, () => fresh.Observe(computeNs[freshStep++ % computeNs.Length], estimates)));
        return Row.Of(
            $"speeds, one frame of {Quantity.Count(ranks)} ranks",
            $"{Quantity.Time(series[0].MedianNs)} a rank, {Quantity.Bytes(series[0].BytesPerOperation)}",
            "median of each window, sorted anew", series[0], series[1]);
    }

    private Row Replicas(Effort effort, int ranks, int ranksPerReplica)
    {
        var random = new Random(Seed);
        var costs = new RankCosts
        {
            Replicas = ranks / ranksPerReplica,
            ReplicaOfRank = Enumerable.Range(0, ranks).Select(rank => rank / ranksPerReplica).ToArray(),
            SecondsPerUnit = Enumerable.Range(0, ranks).Select(_ => 0.02 * (1 + random.NextDouble())).ToArray(),
        };
        Series series = Interleaved.Run(effort, Contestant.Of(1, () => _seen += ReplicaRebalance.Join(costs).Reason.Length))[0];
        return Alone($"{Quantity.Count(ranks)} ranks joined to replicas of {ranksPerReplica}", series, msMax: 20);
    }

    private Row Deadline(Effort effort, int ranks, int frames, int microBatches)
    {
        var random = new Random(Seed);
        var evidence = new DeadlineEvidence
        {
            Ranks = ranks,
            StepSeconds = Enumerable.Range(0, ranks * frames).Select(_ => Draw(random)).ToArray(),
            MicroBatches = Enumerable.Repeat(microBatches, ranks * frames).ToArray(),
            CommonSeconds = 0.05,
        };
        Series series = Interleaved.Run(effort, Contestant.Of(1, () => _seen += DeadlinePlanner.Decide(evidence).DroppedShare))[0];
        return Alone($"deadline, {frames} frames of {Quantity.Count(ranks)} ranks × {microBatches} micro-batches", series, msMax: 150);
    }

    private Row Backup(Effort effort, int workers, int steps)
    {
        var random = new Random(Seed);
        var evidence = new BackupWorkerEvidence
        {
            Workers = workers,
            StepSeconds = Enumerable.Range(0, workers * steps).Select(_ => Draw(random)).ToArray(),
            MicroBatchesPerWorker = 8,
            CommunicationSeconds = 0.05,
        };
        Series series = Interleaved.Run(effort, Contestant.Of(1, () => _seen += BackupWorkerGate.Judge(evidence).Backups))[0];
        return Alone($"backup workers, the best of 1 … {workers / 4} of {workers}, {steps} steps", series, msMax: 100);
    }

    private Row Eviction(Effort effort, int replicas, int candidates)
    {
        var random = new Random(Seed);
        var problem = new EvictionProblem
        {
            Job = new RebalanceProblem
            {
                FixedSeconds = new double[replicas],
                SecondsPerUnit = Enumerable.Range(0, replicas).Select(i => (i < candidates ? 0.5 : 0.02) * (1 + (0.05 * random.NextDouble()))).ToArray(),
                Lowest = Enumerable.Repeat(1, replicas).ToArray(),
                Highest = Enumerable.Repeat(32, replicas).ToArray(),
                Current = Enumerable.Repeat(16, replicas).ToArray(),
                Total = 16 * replicas,
            },
            Candidates = Enumerable.Range(0, candidates).ToArray(),
            RegroupSeconds = 30,
            HorizonSteps = 1_000,
        };
        var planner = new EvictionPlanner();
        Series series = Interleaved.Run(effort, Contestant.Of(1, () => _seen += planner.Solve(problem).Trials.Length))[0];
        return Alone($"eviction, {candidates} candidates of {Quantity.Count(replicas)} replicas, all sets tried", series, msMax: 100);
    }

    /// <summary>Three generations in their pools, some of each failing.</summary>
    /// <param name="effort">How long.</param>
    /// <param name="members">How many.</param>
    /// <param name="isMeasured">Whether no two speeds are equal.</param>
    private Row Pools(Effort effort, int members, bool isMeasured)
    {
        var random = new Random(Seed);
        int Generation(int i) => i * 22L < members * 15L ? 0 : i * 22L < members * 20L ? 1 : 2;
        var problem = new PoolProblem
        {
            UnitsPerSecond = Enumerable.Range(0, members).Select(i =>
                (1 + (0.5 * Generation(i))) * (i % 997 == 0 ? 0.6 : 1) * (isMeasured ? 1 + (0.02 * random.NextDouble()) : 1)).ToArray(),
            CurrentPool = Enumerable.Range(0, members).Select(Generation).ToArray(),
            PoolsMax = 6,
            MembersMin = 64,
            MoveCostUnits = 300,
            HorizonSeconds = 86_400,
        };
        Series series = Interleaved.Run(effort, Contestant.Of(1, () => _seen += PoolPlanner.Solve(problem).Reason.Length))[0];
        return Alone($"pools, {Quantity.Count(members)} members of {(isMeasured ? "as many" : "6")} speeds in {problem.PoolsMax}", series, msMax: 1_000);
    }

    /// <summary>One step in ten takes five times as long.</summary>
    private static double Draw(Random random) => (1 + (0.05 * random.NextDouble())) * (random.Next(10) == 0 ? 5 : 1);

    private static Row Alone(string what, Series series, double msMax) => new(
        what, $"{Quantity.Time(series.MedianNs)}; {Quantity.Bytes(series.BytesPerOperation)}", "alone", Ratio: null)
    {
        Target = new Target($"≤ {Quantity.Digits(msMax)} ms", series.MedianNs <= msMax * 1e6),
    };
}
