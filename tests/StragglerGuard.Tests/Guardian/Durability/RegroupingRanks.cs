using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>
/// The ranks of a job in virtual time, which do what the plans say: switch together a few steps after an offer, leave their group and form the
/// next one, and stand by while they are out. They live however many guardians die.
/// </summary>
internal sealed class RegroupingRanks
{
    private const long CollectiveNs = 300_000;
    private const long RestOfStepNs = 1_000_000;
    private const int SwitchSteps = 2;

    private readonly Random _random;
    private readonly Lock _gate = new();
    private readonly long[] _clockNs;
    private readonly List<StepTiming> _unreported = [];
    private readonly List<JobPlan> _adopted = [];
    private OfferedPlan? _offered;
    private long _switchAt;
    private long _sequence;
    private NodeReport? _lastOfFormer;

    public RegroupingRanks(int seed, int slots, int total)
    {
        _random = new Random(seed);
        _clockNs = [.. Enumerable.Range(0, slots).Select(_ => _random.NextInt64(1L << 50))];
        Plan = JobPlan.Even(total, slots, default);
        Total = total;
        Probe();
    }

    public static JobId Job { get; } = new("job");

    /// <summary>How such a job is guarded: in its virtual time, in which a minute takes no time at all.</summary>
    public static StragglerGuardOptions Guard { get; } = new()
    {
        Mode = PolicyMode.Act,
        Policy = new PolicySection { CoolDownSteps = 4, SwitchCostSeconds = 0.001 },
        Mitigation = new MitigationSection { RegroupSeconds = 0.02, ProbationSeconds = 0.5, RestSeconds = 0.5, EvictionsPerHour = 1_000, FloorShare = 0.5 },
    };

    /// <summary>Four slots of which one is so slow twice that it is evicted, and well again after; another a little slow in between.</summary>
    public static RegroupingRanks Troubled(int seed) => new(seed, slots: 4, total: 32)
    {
        Factor = (slot, step) => (slot, step) switch
        {
            (3, >= 40 and < 90) => 40,
            (1, >= 130 and < 165) => 2,
            (3, >= 200 and < 250) => 40,
            _ => 1,
        },
    };

    /// <summary>When all their troubles are over.</summary>
    public const int LastStep = 300;

    public int Total { get; }

    public JobPlan Plan { get; private set; }

    public long NextStep { get; private set; }

    /// <summary>Factor on what a micro-batch takes a slot at a step.</summary>
    public Func<int, long, double> Factor { get; init; } = (_, _) => 1;

    /// <summary>Every plan that came into force, in order.</summary>
    public IReadOnlyList<JobPlan> Adopted => _adopted;

    /// <summary>Whether a plan was offered and is not in force yet.</summary>
    public bool IsOffered
    {
        get
        {
            lock (_gate)
            {
                return _offered is not null;
            }
        }
    }

    public static WorkerId WorkerOf(int slot) => new(new NodeId($"n{slot}"), $"GPU-{slot}");

    /// <summary>A plan comes down; one that is no newer, or for another group, is nothing to them.</summary>
    public void Deliver(OfferedPlan offer)
    {
        lock (_gate)
        {
            if (offer.Job == Job && offer.Generation == Plan.Generation && offer.Plan.Epoch > Plan.Epoch && _offered is null)
            {
                _offered = offer;
                _switchAt = NextStep + SwitchSteps;
            }
        }
    }

    public void TakeSteps(int steps)
    {
        for (int step = 0; step < steps; step++)
        {
            TakeStep();
        }
    }

    /// <summary>What the agents have to say: first of the group that ended, if one has.</summary>
    public IEnumerable<NodeReport> Reports()
    {
        if (_lastOfFormer is { } former)
        {
            _lastOfFormer = null;
            yield return former;
        }

        yield return Report(left: false);
    }

    /// <summary>What nobody was there to hear is gone.</summary>
    public void LoseReports()
    {
        _unreported.RemoveAll(record => record.Kind != TimingKind.SkewProbe);
        _lastOfFormer = null;
    }

    private void TakeStep()
    {
        lock (_gate)
        {
            if (_offered is { } offer && _switchAt <= NextStep)
            {
                _offered = null;
                Switch(offer.Plan);
            }
        }

        long step = NextStep++;
        ReadOnlySpan<int> slots = Plan.MemberSlots;
        long[] computeNs = new long[slots.Length];
        for (int rank = 0; rank < slots.Length; rank++)
        {
            computeNs[rank] = (long)(UnitSeconds(slots[rank], step) * 1e9 * Plan.Shares[slots[rank]]);
        }

        long longestNs = computeNs.Max();
        for (int rank = 0; rank < slots.Length; rank++)
        {
            ref long clockNs = ref _clockNs[slots[rank]];
            _unreported.Add(new StepTiming
            {
                Generation = Plan.Generation,
                Step = step,
                Rank = new Rank(rank),
                StartNs = clockNs,
                ComputeNs = computeNs[rank],
                ArrivalNs = clockNs + computeNs[rank],
                DepartureNs = clockNs + longestNs + CollectiveNs + _random.Next(3_000),
                WorkUnits = Plan.Shares[slots[rank]],
                Weight = Plan.Shares[slots[rank]],
                Epoch = Plan.Epoch,
            });
            clockNs += longestNs + CollectiveNs + RestOfStepNs;
        }
    }

    private double UnitSeconds(int slot, long step) => 0.02 * Factor(slot, step) * (1 + (0.01 * (_random.NextDouble() - 0.5)));

    private void Switch(JobPlan plan)
    {
        _adopted.Add(plan);
        if (plan.Generation == Plan.Generation)
        {
            Plan = plan;
            return;
        }

        _lastOfFormer = Report(left: true);
        Plan = plan;
        Probe();
    }

    /// <summary>The second of two barriers, a few times: the noise floor of the lag.</summary>
    private void Probe()
    {
        ReadOnlySpan<int> slots = Plan.MemberSlots;
        for (int probe = 0; probe < 5; probe++)
        {
            for (int rank = 0; rank < slots.Length; rank++)
            {
                _unreported.Add(new StepTiming
                {
                    Generation = Plan.Generation,
                    Kind = TimingKind.SkewProbe,
                    Step = probe,
                    Rank = new Rank(rank),
                    ArrivalNs = _clockNs[slots[rank]],
                    DepartureNs = _clockNs[slots[rank]] + 20_000 + _random.Next(5_000),
                });
            }
        }
    }

    private NodeReport Report(bool left)
    {
        int[] slots = Plan.MemberSlots.ToArray();
        StepTiming[] records = [.. _unreported];
        _unreported.Clear();
        return new NodeReport(new NodeId("head"), ++_sequence, _sequence, [.. slots.Select((slot, rank) => new RankReport(
            new RankEnrollment(
                Job, Plan.Generation, new Rank(rank), slots.Length, WorkerOf(slot), new DeviceClass("H100"), Stage: 0, Total,
                MicroBatchesMin: 1, MicroBatchesMax: Total)
            {
                Slot = slot,
                Slots = Plan.Slots,
                Abilities = RankAbilities.Rebalance | RankAbilities.Regroup,
            },
            records.Where(record => record.Rank.Value == rank).ToArray(), Lost: 0, Torn: 0, SplitVotes: 0, left) { Regroups = left })])
        {
            Standby = [.. Enumerable.Range(0, Plan.Slots).Except(slots).Select(slot => new StandbyReport(
                Job, slot, Plan.Slots, WorkerOf(slot), new DeviceClass("H100"), UnitSeconds(slot, NextStep)))],
        };
    }
}
