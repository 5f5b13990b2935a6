using StragglerGuard.Actuators;
using StragglerGuard.Core;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>
/// The nodes of the jobs under guard, as far as a scheduler is asked to take them out of service or back: what is asked goes into the ledger
/// first, what came of it after.
/// </summary>
internal sealed class GuardedNodes : IActuationOwner, IAsyncDisposable
{
    private readonly ActuationDesk _desk;
    private readonly Commitments _commitments;
    private readonly JobRoster _roster;
    private readonly Lock _gate;
    private readonly Action<string> _complain;
    private readonly HashSet<NodeId> _known = [];
    private readonly ActuationRunner _runner;

    /// <summary>Begins with what the ledger says is due.</summary>
    /// <param name="setup">The actuator.</param>
    /// <param name="desk">What is due.</param>
    /// <param name="commitments">The way into the ledger.</param>
    /// <param name="roster">The jobs.</param>
    /// <param name="gate">Held by whoever uses the others.</param>
    /// <param name="complain">Told of what does not work.</param>
    /// <param name="time">What waits run on.</param>
    public GuardedNodes(
        ActuatorSetup setup, ActuationDesk desk, Commitments commitments, JobRoster roster, Lock gate, Action<string> complain, TimeProvider time)
    {
        _desk = desk;
        _commitments = commitments;
        _roster = roster;
        _gate = gate;
        _complain = complain;
        _runner = new ActuationRunner(setup.Actuator!, setup.Reconciler, time, this);
    }

    /// <summary>A node has reported. Under the gate.</summary>
    public void Note(NodeId node)
    {
        // Within a job the guard itself starts and ends workers, and marks don't outlive it.
        if (!_desk.Naming.IsInJob && _known.Add(node))
        {
            _runner.Examine(node);
        }

        Ask();
    }

    /// <summary>Asks for what is due and was not asked for. Under the gate.</summary>
    public void Ask()
    {
        if (_commitments.RequestActuations())
        {
            _runner.Wake();
        }
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<NodeId, DesiredNode> Desired()
    {
        lock (_gate)
        {
            return _commitments.MayAct ? _desk.Desired() : new Dictionary<NodeId, DesiredNode>();
        }
    }

    /// <inheritdoc/>
    public void Reconciled(ReconcileReport report)
    {
        lock (_gate)
        {
            foreach (NodeStanding standing in report.Nodes)
            {
                if (_desk.Outcome(standing) is { } outcome)
                {
                    _commitments.Record(outcome);
                }
            }
        }

        foreach (NodeStanding standing in report.Nodes.Where(standing => standing.State != ReconcileState.Settled))
        {
            _complain($"{standing.Node} is not yet as the ledger wants it: {standing.Reason}");
        }
    }

    /// <inheritdoc/>
    public void Seen(IReadOnlyList<NodeObservation> nodes)
    {
        lock (_gate)
        {
            foreach (NodeObservation node in nodes)
            {
                if (_desk.FindLost(node, _roster.Jobs.Select(job => job.Judge.Job), _commitments.State) is { } lost)
                {
                    _complain(lost.Reason);
                    _commitments.Record(lost);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Failed(string reason) => _complain(reason);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _runner.DisposeAsync();
}
