namespace StragglerGuard.Traces;

/// <summary>What was wrong with a recording: how many records, and the first of them by name.</summary>
/// <param name="Count">Bad records, 0 or more.</param>
/// <param name="First">Up to <see cref="ListedMax"/> of them, each <c>path:line: field: what</c>, in the order found.</param>
public sealed record TraceFaults(long Count, IReadOnlyList<string> First)
{
    /// <summary>How many bad records are named.</summary>
    public const int ListedMax = 20;

    /// <summary>Nothing was wrong.</summary>
    public static TraceFaults None { get; } = new(0, []);
}
