namespace StragglerGuard.Core.Probing;

/// <summary>How fast a device multiplies matrices.</summary>
/// <param name="Class">What it is compared within.</param>
/// <param name="Order">Rows and columns of the square fp32 matrices. Readings of unequal orders are not compared.</param>
/// <param name="GFlopPerSecond">2·order³ operations a product; 10⁹ a second.</param>
public sealed record GemmReading(DeviceClass Class, int Order, ProbeFigure GFlopPerSecond);

/// <summary>How fast a device moves its memory.</summary>
/// <param name="Class">What it is compared within.</param>
/// <param name="Bytes">Of the vector that was copied to another. Readings of unequal lengths are not compared.</param>
/// <param name="GBPerSecond">Bytes read and bytes written, as STREAM's Copy counts them; 10⁹ a second.</param>
public sealed record MemoryReading(DeviceClass Class, long Bytes, ProbeFigure GBPerSecond);

/// <summary>What the probes of one device measured.</summary>
/// <param name="Gemm">Compute; null where it was not probed.</param>
/// <param name="Memory">Memory; null where it was not probed.</param>
public sealed record DeviceProbeReading(GemmReading? Gemm, MemoryReading? Memory);

/// <summary>What lies between the two ends of a link. Links are compared with links of the same reach only.</summary>
public enum LinkReach
{
    /// <summary>Nobody said where the ranks are.</summary>
    Unspecified = 0,

    /// <summary>Both ranks are on one node.</summary>
    WithinNode = 1,

    /// <summary>The ranks are on two nodes.</summary>
    BetweenNodes = 2,
}

/// <summary>What was measured on the link between two ranks that are neighbours in the ring.</summary>
/// <param name="From">The one end.</param>
/// <param name="To">The other end, next in the ring.</param>
/// <param name="Reach">What it is compared within.</param>
/// <param name="LatencyUs">Half a round trip of a 16-byte message, µs.</param>
/// <param name="ForwardGBPerSecond">From → To, the latency taken off; 10⁹ bytes a second.</param>
/// <param name="BackwardGBPerSecond">To → From, likewise.</param>
public sealed record LinkReading(
    Rank From, Rank To, LinkReach Reach, ProbeFigure LatencyUs, ProbeFigure ForwardGBPerSecond, ProbeFigure BackwardGBPerSecond)
{
    /// <summary>The direction that is slower: what a ring gets in the end.</summary>
    public ProbeFigure SlowerGBPerSecond => !ForwardGBPerSecond.IsKnown || !BackwardGBPerSecond.IsKnown ? default
        : ForwardGBPerSecond.Median <= BackwardGBPerSecond.Median ? ForwardGBPerSecond
        : BackwardGBPerSecond;

    internal bool Joins(Rank rank) => From == rank || To == rank;

    internal bool SharesARankWith(LinkReading other) => other.Joins(From) || other.Joins(To);
}
