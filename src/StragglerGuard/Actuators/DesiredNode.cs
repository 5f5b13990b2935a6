namespace StragglerGuard.Actuators;

/// <summary>The state that the ledger wants a node in, and the key of the decision that wants it.</summary>
/// <param name="ActionKey">The key, from the sequence number of the ledger's entry: see <see cref="IPoolActuator"/>.</param>
public abstract record DesiredNode(string ActionKey)
{
    /// <summary>In service, in a pool.</summary>
    /// <param name="ActionKey">The key of the decision.</param>
    /// <param name="Pool">The only pool it shall be in; null: wherever it is.</param>
    public sealed record Serve(string ActionKey, string? Pool) : DesiredNode(ActionKey);

    /// <summary>Out of service; its pool is left as it is.</summary>
    /// <param name="ActionKey">The key of the decision.</param>
    /// <param name="Reason">For people.</param>
    public sealed record Drained(string ActionKey, string Reason) : DesiredNode(ActionKey);
}
