using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Guardian;

/// <summary>The ranks of a job in virtual time: what their records would say of each step.</summary>
internal sealed class VirtualRanks
{
    private const long CollectiveNs = 300_000;

    private readonly Random _random;
    private readonly double[] _paceSeconds;
    private readonly long[] _clockNs;

    public VirtualRanks(int seed, int total, params double[] paceSeconds)
    {
        Seed = seed;
        _random = new Random(seed);
        _paceSeconds = paceSeconds;

        // Clocks share no zero.
        _clockNs = [.. paceSeconds.Select(_ => _random.NextInt64(1L << 50))];
        InForce = MicroBatchDeal.Even(total, paceSeconds.Length);
    }

    public int Seed { get; }

    public int Count => _paceSeconds.Length;

    public JobId Job { get; init; } = new("job");

    public Generation Generation { get; init; }

    /// <summary>By replica.</summary>
    public MicroBatchDeal InForce { get; set; }

    /// <summary>Ranks of a replica, next to each other; all of them compute its share.</summary>
    public int RanksPerReplica { get; init; } = 1;

    /// <summary>The slots that are in the job, by replica of this generation; null where all are.</summary>
    public int[]? MemberSlots { get; init; }

    /// <summary>Slots of the job; 0: as many as there are replicas.</summary>
    public int Slots { get; init; }

    public RankAbilities Abilities { get; init; } = RankAbilities.Rebalance;

    public long NextStep { get; private set; }

    /// <summary>How long all steps so far took.</summary>
    public double ElapsedSeconds { get; private set; }

    /// <summary>The most that a replica holds.</summary>
    public int MicroBatchesMax { get; init; } = int.MaxValue;

    /// <summary>What a step takes after the collective, ns.</summary>
    public long RestOfStepNs { get; set; } = 1_000_000;

    /// <summary>A rank of another class; −1: all are of one.</summary>
    public int FastRank { get; init; } = -1;

    /// <summary>Factor on the pace of a rank at a step.</summary>
    public Func<int, long, double> Factor { get; set; } = (_, _) => 1;

    public Func<Random, double> Noise { get; init; } = MeasuredNoise.DrawReal;

    public RankEnrollment Enrollment(int rank) => new(
        Job, Generation, new Rank(rank), Count, new WorkerId(new NodeId("node"), $"GPU-{rank}"), new DeviceClass(rank == FastRank ? "GB200" : "H100"), Stage: 0,
        InForce.Total, MicroBatchesMin: 1, Math.Min(MicroBatchesMax, InForce.Total))
    {
        Slot = MemberSlots?[rank / RanksPerReplica] ?? rank / RanksPerReplica,
        Slots = Slots > 0 ? Slots : Count / RanksPerReplica,
        Abilities = Abilities,
    };

    /// <summary>The second of two barriers, a few times: the noise floor of the lag.</summary>
    public List<StepTiming> SkewProbes()
    {
        var probes = new List<StepTiming>();
        for (int probe = 0; probe < 5; probe++)
        {
            for (int rank = 0; rank < Count; rank++)
            {
                probes.Add(new StepTiming
                {
                    Generation = Generation,
                    Kind = TimingKind.SkewProbe,
                    Step = probe,
                    Rank = new Rank(rank),
                    ArrivalNs = _clockNs[rank],
                    DepartureNs = _clockNs[rank] + 20_000 + _random.Next(5_000),
                });
            }
        }

        return probes;
    }

    /// <summary>Every rank takes the next step under the deal in force.</summary>
    /// <returns>One record a rank, in rank order.</returns>
    public StepTiming[] TakeStep()
    {
        long step = NextStep++;
        long[] computeNs = [.. Enumerable.Range(0, Count).Select(rank =>
            (long)(_paceSeconds[rank] * 1e9 * InForce.MicroBatches[rank / RanksPerReplica] * Factor(rank, step) * Noise(_random)))];
        long longestNs = computeNs.Max();
        ElapsedSeconds += (longestNs + CollectiveNs + RestOfStepNs) * 1e-9;
        return [.. Enumerable.Range(0, Count).Select(rank =>
        {
            long startNs = _clockNs[rank];
            _clockNs[rank] = startNs + longestNs + CollectiveNs + RestOfStepNs;
            return new StepTiming
            {
                Generation = Generation,
                Step = step,
                Rank = new Rank(rank),
                StartNs = startNs,
                ComputeNs = computeNs[rank],
                ArrivalNs = startNs + computeNs[rank],
                DepartureNs = startNs + longestNs + CollectiveNs + _random.Next(3_000),
                WorkUnits = InForce.MicroBatches[rank / RanksPerReplica],
                Weight = 32 * InForce.MicroBatches[rank / RanksPerReplica],
                Epoch = InForce.Epoch,
            };
        })];
    }

    public RankReport ReportOf(int rank, IEnumerable<StepTiming> records, bool left = false) => new(
        Enrollment(rank), records.Where(record => record.Rank.Value == rank).ToArray(), Lost: 0, Torn: 0, SplitVotes: 0, left)
    {
        Trial = TrialUnder is { } epoch ? new RankTrial(epoch, _paceSeconds[rank] * TrialFactor(rank)) : null,
        Device = Device(rank, NextStep),
    };

    /// <summary>What a rank's device says when the report is made.</summary>
    public Func<int, long, DeviceReading> Device { get; init; } = (_, _) => default;

    /// <summary>The plan that had the ranks try a micro-batch; null where none did.</summary>
    public PlanEpoch? TrialUnder { get; set; }

    /// <summary>Factor on the pace of a rank on trial.</summary>
    public Func<int, double> TrialFactor { get; init; } = _ => 1;

    /// <summary>What one agent says of all ranks.</summary>
    public NodeReport ReportOfAll(long sequence, IReadOnlyCollection<StepTiming> records, bool left = false) => new(
        new NodeId("node"), sequence, SentNs: sequence,
        [.. Enumerable.Range(0, Count).Reverse().Select(rank => ReportOf(rank, records, left))]);

    /// <summary>The next steps, all under the deal in force.</summary>
    public List<StepTiming> TakeSteps(int steps) => [.. Enumerable.Range(0, steps).SelectMany(_ => TakeStep())];
}
