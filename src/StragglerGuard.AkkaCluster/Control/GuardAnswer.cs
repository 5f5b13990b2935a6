namespace StragglerGuard.AkkaCluster.Control;

/// <summary>What came of a question or an order to whoever decides.</summary>
/// <param name="Guardian">Who answered, by its name in the ledger; null where nobody did.</param>
/// <param name="Reason">Why there is no answer, in words; empty where there is one.</param>
public record GuardAnswer(string? Guardian, string Reason)
{
    /// <summary>Whether whoever decides has answered.</summary>
    public bool IsAnswered => Guardian is not null;
}

/// <summary>An answer with something in it.</summary>
/// <typeparam name="T">What was asked for.</typeparam>
/// <param name="Guardian">Who answered, by its name in the ledger; null where nobody did.</param>
/// <param name="Value">The answer; the type's default where nobody answered.</param>
/// <param name="Reason">Why there is no answer, in words; empty where there is one.</param>
public sealed record GuardAnswer<T>(string? Guardian, T? Value, string Reason) : GuardAnswer(Guardian, Reason);
