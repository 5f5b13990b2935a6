using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using MixedFleet.Launch;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Groups;

/// <summary>
/// The seat of a rank that is a process: for every generation it binds a fresh port, and the launcher tells all members once the last of
/// them has.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The source holds no timer, and the launcher may speak until the process ends.")]
internal sealed class ProcessSeat : IRankGroups
{
    private readonly RankAssignment _assignment;
    private readonly TransportOptions _options;
    private readonly Action<RankMessage> _tell;
    private readonly ConcurrentDictionary<ulong, TaskCompletionSource<int[]>> _formed = [];
    private readonly CancellationTokenSource _over = new();
    private TcpTransport? _transport;
    private long _lastStep = -1;

    /// <summary>Takes the seat.</summary>
    /// <param name="assignment">Who the process is.</param>
    /// <param name="agent">The guard's.</param>
    /// <param name="node">The agent's node.</param>
    /// <param name="options">Of every group.</param>
    /// <param name="tell">The way to the launcher.</param>
    public ProcessSeat(RankAssignment assignment, NodeAgent agent, NodeId node, TransportOptions options, Action<RankMessage> tell)
    {
        _assignment = assignment;
        Agent = agent;
        Node = node;
        _options = options;
        _tell = tell;
    }

    public NodeAgent Agent { get; }

    public NodeId Node { get; }

    public CancellationToken Over => _over.Token;

    public long LastStep => Volatile.Read(ref _lastStep);

    /// <summary>The end of the group that the rank is in, or was in last; null before the first.</summary>
    public TcpTransport? Transport => Volatile.Read(ref _transport);

    /// <summary>Takes what the launcher says of groups and of the job.</summary>
    public void Hear(LauncherMessage message)
    {
        switch (message)
        {
            case GroupFormed formed:
                Formed(formed.PlanHash).TrySetResult(formed.Ports);
                break;
            case JobStep step:
                Volatile.Write(ref _lastStep, step.Step);
                break;
            case JobOver:
                _over.Cancel();
                break;
        }
    }

    public ITransport Meet(JobPlan plan, TimeSpan? within)
    {
        Socket listener = TcpTransport.ListenOnLoopback();
        int[] ports;
        try
        {
            _tell(new RankListening(plan.Hash, plan.MemberSlots.ToArray(), ((IPEndPoint)listener.LocalEndPoint!).Port));
            ports = Formed(plan.Hash).Task.WaitAsync(within ?? Timeout.InfiniteTimeSpan, Over).GetAwaiter().GetResult();
        }
        catch (TimeoutException late)
        {
            listener.Dispose();
            throw new GroupNotMetException(
                FormattableString.Invariant($"{plan.Generation} did not come together within {within!.Value.TotalSeconds:0} s"), late);
        }
        catch
        {
            listener.Dispose();
            throw;
        }

        var transport = TcpTransport.Connect(
            listener,
            [.. ports.Select(port => new IPEndPoint(IPAddress.Loopback, port))],
            new TcpIdentity(new Rank(plan.NumberOf(_assignment.Slot)), _assignment.Token)
            {
                Generation = plan.Generation,
                EpochInForce = plan.Epoch,
                PlanHash = plan.Hash,
            },
            within is { } limit ? _options with { RendezvousTimeout = limit } : _options);
        Volatile.Write(ref _transport, transport);
        return transport;
    }

    public void StandBy() => _tell(new RankStandsBy());

    private TaskCompletionSource<int[]> Formed(ulong planHash) =>
        _formed.GetOrAdd(planHash, static _ => new TaskCompletionSource<int[]>(TaskCreationOptions.RunContinuationsAsynchronously));
}
