using StragglerGuard.Ledger;

namespace StragglerGuard.Actuators;

/// <summary>The least that is missing between what a node is and what it shall be. Pure: the same reading gives the same step.</summary>
/// <param name="State">How the node stands before the actions.</param>
/// <param name="Reason">Why.</param>
/// <param name="Actions">In order; each only where the one before succeeded.</param>
internal sealed record ReconcileStep(ReconcileState State, string Reason, IReadOnlyList<ActuationKind> Actions)
{
    internal static ReconcileStep For(NodeObservation observed, DesiredNode desired)
    {
        if (observed.Reading == NodeReading.Absent)
        {
            return new ReconcileStep(ReconcileState.Due, "the actuator knows no such node", []);
        }

        return desired switch
        {
            DesiredNode.Drained => ForDrained(observed),
            DesiredNode.Serve serve => ForServe(observed, serve.Pool),
            _ => throw new ArgumentException($"{desired.GetType().Name} is no desired state that is known here.", nameof(desired)),
        };
    }

    private static ReconcileStep ForDrained(NodeObservation observed) =>
        observed.IsDrainedByUs ? Settled($"out of service: {observed.Reason}")
        : observed.IsDrainedByOthers ? Settled($"out of service, but not by StragglerGuard: {Quote(observed.Reason)}")
        : Act("to be taken out of service", ActuationKind.Drain);

    private static ReconcileStep ForServe(NodeObservation observed, string? pool)
    {
        if (observed.IsDrainedByOthers)
        {
            return new ReconcileStep(
                ReconcileState.HeldByOthers, $"taken out of service, not by StragglerGuard: {Quote(observed.Reason)}; left alone", []);
        }

        var isToMove = pool is not null && !observed.IsOnlyIn(pool);
        var isToReadmit = observed.Reading != NodeReading.Serving;
        return (isToMove, isToReadmit) switch
        {
            // The pool first: a node that is back in service in the wrong pool gets the wrong work.
            (true, true) => Act($"to be moved to {pool} and taken back", ActuationKind.MoveToPool, ActuationKind.Readmit),
            (true, false) => Act($"to be moved to {pool}", ActuationKind.MoveToPool),
            (false, true) => Act("to be taken back", ActuationKind.Readmit),
            _ => Settled(observed.Pools.Count == 0 ? "in service" : $"in service in {string.Join(", ", observed.Pools)}"),
        };
    }

    private static ReconcileStep Settled(string reason) => new(ReconcileState.Settled, reason, []);

    private static ReconcileStep Act(string reason, params ActuationKind[] actions) => new(ReconcileState.Due, reason, actions);

    private static string Quote(string reason) => reason.Length == 0 ? "no reason given" : $"\"{reason}\"";
}
