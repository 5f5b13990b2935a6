using StragglerGuard.Collectives;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Recording;

namespace StragglerGuard.Agent;

/// <summary>
/// The agent of one node: drains the rings of the node's ranks, sends one report per interval, and hands plans down to the ranks.
/// Runs on a thread of its own; the training loops never wait for it.
/// </summary>
public sealed class NodeAgent : IDisposable
{
    private readonly NodeId _node;
    private readonly AgentSection _options;
    private readonly IAgentPort _port;
    private readonly DeviceWatch? _devices;
    private readonly Thread _thread;
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly Lock _gate = new();
    private readonly List<Member> _members = [];
    private readonly List<StandbyGuard> _standby = [];
    private long _sequence;
    private long _guardiansMet;
    private bool _toldOfStandby;
    private bool _closing;

    /// <summary>Starts the agent.</summary>
    /// <param name="fabric">The way to the guardian.</param>
    /// <param name="node">The node's name.</param>
    /// <param name="options">Interval and ring size.</param>
    /// <param name="devices">Asks the ranks' devices how they are, once an interval on a thread of its own; null where nobody can.</param>
    public NodeAgent(IAgentFabric fabric, NodeId node, AgentSection options, IDeviceReader? devices = null)
    {
        ArgumentNullException.ThrowIfNull(fabric);
        ArgumentNullException.ThrowIfNull(options);
        _node = node;
        _options = options;
        _port = fabric.OpenAgent(node, OnOffer);
        _devices = devices is null ? null : new DeviceWatch(devices, options.IntervalMs);
        _thread = new Thread(Run) { IsBackground = true, Name = $"stragglerguard-agent-{node}" };
        _thread.Start();
    }

    /// <summary>Adds a rank of this node.</summary>
    /// <param name="enrollment">Who it is.</param>
    /// <param name="communicator">All ranks of the job; used by the rank's own thread only, for the ballot.</param>
    /// <param name="plan">The plan that the generation begins with, the same on every rank; null for the even deal among all slots.</param>
    /// <param name="firstStep">The first step of the generation, the same on every rank, 0 or more.</param>
    /// <exception cref="ArgumentException">
    /// The enrollment contradicts itself or the plan, or the communicator is another rank's or of another size.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The agent has stopped.</exception>
    public RankGuard Join(RankEnrollment enrollment, Communicator communicator, JobPlan? plan = null, long firstStep = 0)
    {
        ArgumentNullException.ThrowIfNull(enrollment);
        ArgumentNullException.ThrowIfNull(communicator);
        if (enrollment.FindFault() is { } fault)
        {
            throw new ArgumentException(fault, nameof(enrollment));
        }

        if (communicator.Rank != enrollment.Rank || communicator.WorldSize != enrollment.WorldSize)
        {
            throw new ArgumentException(
                $"the communicator is {communicator.Rank} of {communicator.WorldSize}, " +
                $"the enrollment {enrollment.Rank} of {enrollment.WorldSize}",
                nameof(communicator));
        }

        ArgumentOutOfRangeException.ThrowIfNegative(firstStep);
        plan ??= JobPlan.Even(enrollment.TotalMicroBatches, enrollment.Slots, enrollment.Generation);
        if (plan.Generation != enrollment.Generation || plan.Slots != enrollment.Slots || plan.Total != enrollment.TotalMicroBatches
            || plan.NumberOf(enrollment.Slot) < 0)
        {
            throw new ArgumentException(
                $"the plan ({plan}) has no place for slot {enrollment.Slot} of {enrollment.Slots} in {enrollment.Generation}, or deals " +
                $"another number of micro-batches than {enrollment.TotalMicroBatches}",
                nameof(plan));
        }

        var ring = StepRing.Allocate(_options.RingSlots, ControlPage.BytesFor(plan.EncodedLength));
        var guard = new RankGuard(this, enrollment, communicator, ring, plan, firstStep);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing, this);
            _members.Add(new Member(guard, ring.CreateReader(), new StepTiming[_options.RingSlots]));
            FollowDevices();
        }

        return guard;
    }

    /// <summary>Announces a worker of this node that is in no group and would be taken into one.</summary>
    /// <param name="report">Who it is.</param>
    /// <param name="left">The generation that it left last; a plan of a later one may take it in. Null for a spare that was in none.</param>
    /// <exception cref="ArgumentException">The report contradicts itself.</exception>
    /// <exception cref="ObjectDisposedException">The agent has stopped.</exception>
    public StandbyGuard StandBy(StandbyReport report, Generation? left)
    {
        ArgumentNullException.ThrowIfNull(report);
        if (report.FindFault() is { } fault)
        {
            throw new ArgumentException(fault, nameof(report));
        }

        var guard = new StandbyGuard(this, report, left?.Value ?? -1);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing, this);
            _standby.Add(guard);
        }

        return guard;
    }

    /// <summary>Sends what is unread, waits a moment for it to leave, and stops.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_closing)
            {
                return;
            }

            _closing = true;
        }

        _wake.Set();
        _thread.Join();
        _devices?.Dispose();
        _port.FlushAsync(TimeSpan.FromSeconds(2)).AsTask().GetAwaiter().GetResult();
        _port.Dispose();
        _wake.Dispose();
    }

    internal void Leave(RankGuard guard)
    {
        lock (_gate)
        {
            if (_members.Find(member => member.Guard == guard) is { } leaving)
            {
                leaving.Left = true;
                leaving.Regroups = guard.Regroups;
            }

            // A rank may outlive its agent, and the handle with it.
            if (!_closing)
            {
                _wake.Set();
            }
        }
    }

    internal void Leave(StandbyGuard guard)
    {
        lock (_gate)
        {
            _standby.Remove(guard);
            if (!_closing)
            {
                _wake.Set();
            }
        }
    }

    /// <summary>Reports now instead of at the interval's end.</summary>
    internal void Hurry()
    {
        lock (_gate)
        {
            if (!_closing)
            {
                _wake.Set();
            }
        }
    }

    private void OnOffer(OfferedPlan offer)
    {
        Span<byte> bytes = new byte[offer.Plan.EncodedLength];
        offer.Plan.Write(bytes);
        lock (_gate)
        {
            foreach (Member member in _members)
            {
                RankEnrollment who = member.Guard.Enrollment;
                if (!member.Left && who.Job == offer.Job)
                {
                    if (who.Generation == offer.Generation)
                    {
                        member.Guard.Deliver(bytes, offer.Plan.Epoch);
                    }

                    member.Guard.Hear(offer.Plan);
                }
            }

            foreach (StandbyGuard waiting in _standby)
            {
                if (waiting.Report.Job == offer.Job)
                {
                    waiting.Hear(offer.Plan);
                }
            }
        }
    }

    private void Run()
    {
        bool last;
        do
        {
            _wake.WaitOne(_options.IntervalMs);
            last = Drain();
        }
        while (!last);
    }

    /// <summary>Reads every ring once and reports what was found.</summary>
    /// <returns>Whether the agent is closing and this was its last report.</returns>
    private bool Drain()
    {
        List<RankReport> ranks;
        List<StandbyReport> standby;
        bool closing;

        // The exit skew is measured every few hundred steps: another guardian would know no lag until then.
        long met = _port.GuardiansMet;
        bool tellsAgain = met != _guardiansMet;
        _guardiansMet = met;
        lock (_gate)
        {
            closing = _closing;
            ranks = new List<RankReport>(_members.Count);
            for (int i = _members.Count - 1; i >= 0; i--)
            {
                Member member = _members[i];
                bool left = member.Left || closing;
                ranks.Add(new RankReport(
                    member.Guard.Enrollment, member.Drain(tellsAgain),
                    member.Reader.Lost, member.Reader.Torn, member.Guard.SplitVotes, left)
                {
                    Failure = member.Guard.Failure,
                    Trial = member.Guard.Trial,
                    Regroups = member.Regroups,
                    Device = _devices?.Of(member.Guard.Enrollment.Worker) ?? default,
                });
                if (left)
                {
                    _members.RemoveAt(i);
                    FollowDevices();
                }
            }

            standby = closing ? [] : [.. _standby.Select(waiting => waiting.Report)];
        }

        // That nobody stands by any more is told, too, once.
        if (ranks.Count + standby.Count > 0 || _toldOfStandby)
        {
            _toldOfStandby = standby.Count > 0;
            _port.Report(new NodeReport(_node, ++_sequence, MonotonicClock.NowNs(), ranks) { Standby = standby });
        }

        return closing;
    }

    private void FollowDevices() => _devices?.Follow(_members.Select(member => member.Guard.Enrollment.Worker));

    private sealed class Member(RankGuard guard, StepRingReader reader, StepTiming[] scratch)
    {
        public RankGuard Guard { get; } = guard;

        public StepRingReader Reader { get; } = reader;

        private readonly Queue<StepTiming> _probes = new(RankGuard.SkewProbeBarriers);

        /// <summary>Reads what is new.</summary>
        /// <param name="tellsAgain">Whether the last measurement of the exit skew comes before it once more.</param>
        public StepTiming[] Drain(bool tellsAgain)
        {
            ReadOnlySpan<StepTiming> read = scratch.AsSpan(0, Reader.Drain(scratch));
            StepTiming[] timings = tellsAgain ? [.. _probes, .. read] : read.ToArray();
            foreach (ref readonly StepTiming timing in read)
            {
                if (timing.Kind == TimingKind.SkewProbe)
                {
                    Keep(in timing);
                }
            }

            return timings;
        }

        private void Keep(in StepTiming probe)
        {
            if (_probes.Count == RankGuard.SkewProbeBarriers)
            {
                _probes.Dequeue();
            }

            _probes.Enqueue(probe);
        }

        public bool Left { get; set; }

        public bool Regroups { get; set; }
    }
}
