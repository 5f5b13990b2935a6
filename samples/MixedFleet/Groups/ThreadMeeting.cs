using StragglerGuard.Agent;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Groups;

/// <summary>Where the ranks of a job meet that are threads of this process: one in-process group per generation.</summary>
internal sealed class ThreadMeeting : IDisposable
{
    private readonly Lock _gate = new();
    private readonly NodeAgent _agent;
    private readonly TransportOptions _options;
    private readonly CancellationTokenSource _over = new();
    private readonly Dictionary<ulong, Gathering> _gatherings = [];
    private readonly HashSet<int> _inJob;
    private string? _ended;
    private long _lastStep = -1;

    /// <summary>Opens the meeting.</summary>
    /// <param name="agent">Of all slots.</param>
    /// <param name="options">Of every group.</param>
    /// <param name="slots">Of the job.</param>
    public ThreadMeeting(NodeAgent agent, TransportOptions options, int slots)
    {
        _inJob = [.. Enumerable.Range(0, slots)];
        _agent = agent;
        _options = options;
    }

    /// <summary>The node of all slots.</summary>
    private static NodeId Here { get; } = new(Environment.MachineName);

    /// <summary>The seat of one slot; for its thread.</summary>
    public IRankGroups Seat(int slot) => new SlotSeat(this, slot);

    /// <summary>Tells who stands by where the job is.</summary>
    public void StepDone(long step) => Volatile.Write(ref _lastStep, step);

    /// <summary>The job is trained: nobody is waited for any more.</summary>
    public void End() => _over.Cancel();

    /// <summary>
    /// A slot is in no group any more: its rank stands by, or has failed. Where it was the last the job is lost, and whoever stands by has nobody to
    /// wait for.
    /// </summary>
    public void Leave(int slot)
    {
        lock (_gate)
        {
            if (!_inJob.Remove(slot) || _inJob.Count > 0)
            {
                return;
            }
        }

        Abort("no rank is left in the job");
    }

    /// <summary>The job is lost: every group ends, and none forms any more.</summary>
    public void Abort(string reason)
    {
        Gathering[] open;
        lock (_gate)
        {
            _ended ??= reason;
            open = [.. _gatherings.Values];
        }

        _over.Cancel();
        foreach (Gathering gathering in open)
        {
            gathering.Group.Transports[0].Abort(reason);
        }
    }

    public void Dispose() => _over.Dispose();

    private ITransport Meet(JobPlan plan, int slot, TimeSpan? within)
    {
        Gathering gathering;
        lock (_gate)
        {
            if (_ended is not null)
            {
                throw new OperationCanceledException(_ended, _over.Token);
            }

            if (!_gatherings.TryGetValue(plan.Hash, out Gathering? known))
            {
                known = new Gathering(InProcessGroup.Create(plan.Members, _options));
                _gatherings[plan.Hash] = known;
            }

            gathering = known;
            gathering.Came.Add(slot);
            if (gathering.Came.Count == plan.Members)
            {
                gathering.Complete.SetResult();
            }
        }

        try
        {
            gathering.Complete.Task.WaitAsync(within ?? Timeout.InfiniteTimeSpan, _over.Token).GetAwaiter().GetResult();
        }
        catch (TimeoutException)
        {
            lock (_gate)
            {
                throw new GroupNotMetException(plan, plan.MemberSlots.ToArray().Except(gathering.Came), within!.Value);
            }
        }

        lock (_gate)
        {
            _inJob.Add(slot);
        }

        return gathering.Group.Transports[plan.NumberOf(slot)];
    }

    private sealed class Gathering(InProcessGroup group)
    {
        public InProcessGroup Group { get; } = group;

        public SortedSet<int> Came { get; } = [];

        public TaskCompletionSource Complete { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class SlotSeat(ThreadMeeting meeting, int slot) : IRankGroups
    {
        public NodeAgent Agent => meeting._agent;

        public NodeId Node => Here;

        public CancellationToken Over => meeting._over.Token;

        public long LastStep => Volatile.Read(ref meeting._lastStep);

        public ITransport Meet(JobPlan plan, TimeSpan? within) => meeting.Meet(plan, slot, within);

        public void StandBy() => meeting.Leave(slot);
    }
}
