using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;

namespace StragglerGuard.Simulation;

/// <summary>The agents of a virtual fleet: every node reports once an interval, each at its own moment of it, what its ranks have recorded since.</summary>
/// <remarks>
/// <para>The ranks of one replica finish together and are dealt to together, so a replica reports as one rank, numbered as the replica: its slowest.</para>
/// <para>Every rank's clock has a zero of its own. The first collective is the reduction (with the ballot appended), so a slow link shows in its transfer.</para>
/// </remarks>
internal sealed class ReportRounds
{
    private const int SkewProbes = 5;
    private const int SkewPurpose = 1 << 20;
    private const int ClockPurpose = SkewPurpose + 1;
    private const int PhasePurpose = SkewPurpose + 2;
    private const double ExitSkewSeconds = 20e-6;
    private const double ClockSpreadSeconds = 1e6;

    private readonly int _perNode;
    private readonly long _intervalNs;
    private readonly int[] _nodes;
    private readonly long[] _phaseNs;
    private readonly long[] _reportedThrough;
    private readonly long[] _clockNs;
    private readonly double[] _skew;
    private readonly Scenario _scenario;
    private readonly DeviceClass[] _classes;
    private readonly int[] _caps;
    private readonly int[] _rankBegin;
    private RankEnrollment[] _members = [];
    private readonly Queue<StepRecords> _kept = [];
    private readonly Stack<StepRecords> _free = [];
    private long _round;
    private int _next;

    /// <summary>Begins before the first step.</summary>
    public ReportRounds(Scenario scenario, StepDraws draws)
    {
        _scenario = scenario;
        _perNode = scenario.ReplicasPerNode;
        _intervalNs = scenario.Guard.Agent.IntervalMs * 1_000_000L;
        int replicas = scenario.Replicas;
        int nodes = (replicas + _perNode - 1) / _perNode;
        _phaseNs = [.. Enumerable.Range(0, nodes).Select(node => (long)(draws.Uniform(PhasePurpose, node, 0) * _intervalNs))];
        _nodes = [.. Enumerable.Range(0, nodes).OrderBy(node => _phaseNs[node]).ThenBy(node => node)];
        _reportedThrough = new long[nodes];
        Array.Fill(_reportedThrough, -1);
        _clockNs = [.. Enumerable.Range(0, replicas).Select(replica => VirtualFleet.Nanoseconds(ClockSpreadSeconds * draws.Uniform(ClockPurpose, replica, 0)))];
        _skew = [.. Enumerable.Range(0, replicas * SkewProbes).Select(which => draws.Uniform(SkewPurpose, which, 0))];
        _classes = [.. scenario.Classes.SelectMany(members => Enumerable.Repeat(new DeviceClass(members.DeviceClass), members.Replicas))];
        _caps = [.. scenario.Classes.SelectMany(members => Enumerable.Repeat(members.MicroBatchesMax, members.Replicas))];
        _rankBegin = new int[nodes + 1];
        Regroup(default, EvenDeal.Of(scenario.MicroBatches, replicas));
    }

    /// <summary>Everyone who reports.</summary>
    public IReadOnlyList<RankEnrollment> Members => _members;

    /// <summary>The members of a plan form the job's next group. What the last one recorded is to be sent before: <see cref="SendRest"/>.</summary>
    /// <param name="generation">The group's.</param>
    /// <param name="shares">Per replica; <see cref="VirtualPlan.NotMember"/> for who is out.</param>
    public void Regroup(Generation generation, int[] shares)
    {
        _kept.Clear();
        _free.Clear();
        int[] slots = [.. Enumerable.Range(0, shares.Length).Where(slot => shares[slot] != VirtualPlan.NotMember)];
        _members = [.. slots.Select((slot, rank) => new RankEnrollment(
            new JobId(_scenario.Name), generation, new Rank(rank), slots.Length, WorkerOf(slot), _classes[slot], Stage: 0, _scenario.MicroBatches,
            MicroBatchesMin: 1, Math.Min(_caps[slot], _scenario.MicroBatches))
        {
            Slot = slot,
            Slots = shares.Length,
            Abilities = AbilitiesOf(_scenario.Mitigations),
        })];
        Array.Clear(_rankBegin);
        foreach (int slot in slots)
        {
            _rankBegin[(slot / _perNode) + 1]++;
        }

        for (int node = 1; node < _rankBegin.Length; node++)
        {
            _rankBegin[node] += _rankBegin[node - 1];
        }
    }

    /// <summary>A worker that is in no group tells what a micro-batch takes it.</summary>
    public StandbyReport StandbyOf(int slot, double secondsPerUnit) =>
        new(new JobId(_scenario.Name), slot, _classes.Length, WorkerOf(slot), _classes[slot], secondsPerUnit);

    /// <summary>What all ranks measure of two barriers, back to back, before the first step.</summary>
    public IEnumerable<RankReport> SkewReports()
    {
        for (int rank = 0; rank < _members.Length; rank++)
        {
            var probes = new StepTiming[SkewProbes];
            for (int probe = 0; probe < SkewProbes; probe++)
            {
                probes[probe] = new StepTiming
                {
                    Kind = TimingKind.SkewProbe,
                    Step = probe,
                    Rank = new Rank(rank),
                    Generation = _members[rank].Generation,
                    ArrivalNs = _clockNs[_members[rank].Slot],
                    DepartureNs = _clockNs[_members[rank].Slot]
                        + VirtualFleet.Nanoseconds(ExitSkewSeconds * (1 + _skew[(_members[rank].Slot * SkewProbes) + probe])),
                };
            }

            yield return new RankReport(_members[rank], probes, Lost: 0, Torn: 0, SplitVotes: 0, Left: false);
        }
    }

    /// <summary>Every rank writes its record of a step.</summary>
    public void Record(long step, long beginNs, VirtualPlan plan, VirtualFleet fleet, in FleetStep taken)
    {
        StepRecords recorded = _free.Count > 0 ? _free.Pop() : new StepRecords(_members, _nodes.Length);
        recorded.Step = step;
        recorded.WrittenNs = beginNs + taken.ReductionNs + taken.TransferNs;
        for (int rank = 0; rank < _members.Length; rank++)
        {
            int slot = _members[rank].Slot;
            long startNs = _clockNs[slot] + beginNs;
            recorded.Timings[rank] = new StepTiming
            {
                Generation = plan.Generation,
                Step = step,
                Rank = new Rank(rank),
                StartNs = startNs,
                ComputeNs = fleet.ComputeNs[slot],
                ArrivalNs = startNs + fleet.ArrivalNs[slot],
                DepartureNs = startNs + taken.ReductionNs + taken.TransferNs,
                WorkUnits = fleet.UnitsDone[slot],
                Weight = fleet.IsLate[slot] ? 0 : fleet.UnitsDone[slot],
                Epoch = plan.Epoch,
            };
        }

        _kept.Enqueue(recorded);
    }

    /// <summary>The reports that are sent until a moment, in the order in which they are sent.</summary>
    /// <param name="untilNs">The moment, ns since the start.</param>
    /// <param name="hear">Told of each: when, and what.</param>
    public void SendUntil(long untilNs, Action<long, IReadOnlyList<RankReport>> hear)
    {
        var reports = new List<RankReport>();
        while (_kept.Count > 0)
        {
            SkipIdleRounds();
            int node = _nodes[_next];
            long nowNs = (_round * _intervalNs) + _phaseNs[node];
            if (nowNs > untilNs)
            {
                return;
            }

            (_next, _round) = _next + 1 < _nodes.Length ? (_next + 1, _round) : (0, _round + 1);
            reports.Clear();
            foreach (StepRecords recorded in _kept)
            {
                if (recorded.Step > _reportedThrough[node] && recorded.WrittenNs <= nowNs)
                {
                    _reportedThrough[node] = recorded.Step;
                    recorded.NodesLeft--;
                    for (int rank = _rankBegin[node]; rank < _rankBegin[node + 1]; rank++)
                    {
                        reports.Add(recorded.Reports[rank]);
                    }
                }
            }

            if (reports.Count > 0)
            {
                hear(nowNs, reports);
            }

            while (_kept.TryPeek(out StepRecords? oldest) && oldest.NodesLeft == 0)
            {
                oldest.NodesLeft = _nodes.Length;
                _free.Push(_kept.Dequeue());
            }
        }
    }

    /// <summary>The ranks leave: their agents send what is left at once.</summary>
    public IReadOnlyList<RankReport> SendRest()
    {
        var reports = new List<RankReport>();
        foreach (StepRecords recorded in _kept)
        {
            for (int rank = 0; rank < _members.Length; rank++)
            {
                if (recorded.Step > _reportedThrough[_members[rank].Slot / _perNode])
                {
                    reports.Add(recorded.Reports[rank]);
                }
            }
        }

        reports.AddRange(_members.Select(member => new RankReport(member, default, Lost: 0, Torn: 0, SplitVotes: 0, Left: true)));
        return reports;
    }

    private static RankAbilities AbilitiesOf(ScenarioMitigations allowed) =>
        (allowed.HasFlag(ScenarioMitigations.Rebalance) ? RankAbilities.Rebalance : 0)
        | (allowed.HasFlag(ScenarioMitigations.Deadline) ? RankAbilities.Deadline : 0)
        | (allowed.HasFlag(ScenarioMitigations.Backup) ? RankAbilities.Backup : 0)
        | (allowed.HasFlag(ScenarioMitigations.Evict) ? RankAbilities.Regroup : 0);

    private WorkerId WorkerOf(int slot) =>
        new(new NodeId(FormattableString.Invariant($"node-{slot / _perNode}")), FormattableString.Invariant($"device-{slot % _perNode}"));

    /// <summary>Steps may last many intervals: rounds in which no node has anything to report are not gone through.</summary>
    private void SkipIdleRounds()
    {
        long firstNs = _kept.Peek().WrittenNs;
        long round = (firstNs / _intervalNs) - 1;
        if (_next == 0 && round > _round)
        {
            _round = round;
        }
    }

    /// <summary>One step's records of all ranks, and the reports that hand them over; used again once all nodes have reported.</summary>
    private sealed class StepRecords
    {
        public StepRecords(RankEnrollment[] members, int nodes)
        {
            NodesLeft = nodes;
            Timings = new StepTiming[members.Length];
            Reports = new RankReport[members.Length];
            for (int rank = 0; rank < members.Length; rank++)
            {
                Reports[rank] = new RankReport(members[rank], Timings.AsMemory(rank, 1), Lost: 0, Torn: 0, SplitVotes: 0, Left: false);
            }
        }

        public StepTiming[] Timings { get; }

        public RankReport[] Reports { get; }

        public long Step { get; set; }

        public long WrittenNs { get; set; }

        public int NodesLeft { get; set; }
    }
}
