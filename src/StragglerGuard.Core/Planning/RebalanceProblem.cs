namespace StragglerGuard.Core.Planning;

/// <summary>
/// How to deal <see cref="Total"/> equal units of work (micro-batches) over receivers (data-parallel replicas) of different speed.
/// </summary>
/// <remarks>
/// Receiver i finishes m units after a_i + m·t_i seconds, evaluated in doubles as <c>a + m * t</c>. A receiver with m = 0 still
/// arrives at the collective: it costs a_i. All lists have one entry a receiver, in the same order. The memory is read during
/// <see cref="RebalancePlanner.Solve"/> only, and never written.
/// </remarks>
public sealed record RebalanceProblem
{
    /// <summary>What a step costs a receiver however little it does, a_i.</summary>
    /// <value>Seconds, finite, 0 or more.</value>
    public required ReadOnlyMemory<double> FixedSeconds { get; init; }

    /// <summary>What one unit costs the receiver, t_i; of a replica of several ranks, its slowest rank's.</summary>
    /// <value>Seconds, finite, above 0.</value>
    public required ReadOnlyMemory<double> SecondsPerUnit { get; init; }

    /// <summary>The fewest units the receiver may get, lo_i.</summary>
    /// <value>0 … <see cref="Highest"/>.</value>
    public required ReadOnlyMemory<int> Lowest { get; init; }

    /// <summary>The most units the receiver may get (its memory, its data), cap_i.</summary>
    /// <value><see cref="Lowest"/> or more.</value>
    public required ReadOnlyMemory<int> Highest { get; init; }

    /// <summary>What the receiver has now. Its sum may differ from <see cref="Total"/>; the outcome's reason then says so.</summary>
    /// <value>0 or more.</value>
    public required ReadOnlyMemory<int> Current { get; init; }

    /// <summary>The units to deal, M.</summary>
    /// <value>0 or more.</value>
    public required int Total { get; init; }
}
