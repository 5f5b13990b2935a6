using StragglerGuard.Benchmarks.Measurement;

namespace StragglerGuard.Benchmarks.Printing;

/// <summary>One comparison, ready to print.</summary>
/// <param name="What">What was measured, with its size.</param>
/// <param name="Measured">What it took.</param>
/// <param name="Peer">What it is held against, and what that took.</param>
/// <param name="Ratio">Time over the peer's time; null where the peer was not run.</param>
internal sealed record Row(string What, string Measured, string Peer, double? Ratio)
{
    /// <summary>The stated targets; null where there is none.</summary>
    public Target? Target { get; init; }

    /// <summary>A row of two series.</summary>
    /// <param name="what">What was measured, with its size.</param>
    /// <param name="measured">What it took, in words.</param>
    /// <param name="peer">What the peer is called.</param>
    /// <param name="own">The contestant.</param>
    /// <param name="others">The peer, from the same rounds.</param>
    public static Row Of(string what, string measured, string peer, Series own, Series others) =>
        new(what, measured, $"{peer}: {Quantity.Time(others.MedianNs)}", own.MedianNs / others.MedianNs);
}

/// <summary>What a row had to reach.</summary>
/// <param name="Text">The limit in words.</param>
/// <param name="IsMet">Whether it did.</param>
internal sealed record Target(string Text, bool IsMet);
