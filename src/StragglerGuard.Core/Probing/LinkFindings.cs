using System.Collections.Immutable;
using static System.FormattableString;

namespace StragglerGuard.Core.Probing;

/// <summary>Where a slow link comes from.</summary>
/// <param name="Part">Latency or bandwidth.</param>
/// <param name="Factor">How many times as long it takes, above 1.</param>
/// <param name="Reason">One sentence for a person.</param>
public abstract record LinkFault(ProbedPart Part, double Factor, string Reason)
{
    /// <summary>All links of one rank are slow: its network interface, or the host behind it.</summary>
    /// <param name="Rank">Whose.</param>
    /// <param name="Part">Latency or bandwidth.</param>
    /// <param name="Factor">How much slower its least affected link is.</param>
    /// <param name="Reason">Why, for a person.</param>
    public sealed record OfRank(Rank Rank, ProbedPart Part, double Factor, string Reason) : LinkFault(Part, Factor, Reason);

    /// <summary>One link alone is slow: the cable or the path between two ranks that are otherwise well connected.</summary>
    /// <param name="From">The one end.</param>
    /// <param name="To">The other end.</param>
    /// <param name="Part">Latency or bandwidth.</param>
    /// <param name="Factor">How much slower than its like, beyond what a slow end explains.</param>
    /// <param name="Reason">Why, for a person; says so where an end's interface would look the same.</param>
    public sealed record OfLink(Rank From, Rank To, ProbedPart Part, double Factor, string Reason) : LinkFault(Part, Factor, Reason);
}

/// <summary>What a probe of all links came to.</summary>
public sealed class LinkFindings
{
    private readonly ImmutableArray<LinkReading> _readings;

    internal LinkFindings(
        ImmutableArray<LinkReading> readings, ImmutableArray<ProbeVerdict> links, ImmutableArray<LinkFault> faults)
    {
        _readings = readings;
        Links = links;
        Faults = faults;
    }

    /// <summary>One verdict a link, in the order of the readings.</summary>
    public ImmutableArray<ProbeVerdict> Links { get; }

    /// <summary>The fewest faults that explain all slow links, the gravest first.</summary>
    public ImmutableArray<LinkFault> Faults { get; }

    /// <summary>What the links say about one rank's own network interface.</summary>
    /// <param name="rank">Any rank.</param>
    /// <returns>
    /// Slow where all its links are; fit where it carries at least one link as it should, however slow another one is: that is the
    /// other end's, or the path's, fault. Unknown otherwise, and for a rank without links.
    /// </returns>
    public ProbeVerdict Of(Rank rank)
    {
        foreach (LinkFault fault in Faults)
        {
            if (fault is LinkFault.OfRank interfaceFault && interfaceFault.Rank == rank)
            {
                return new ProbeVerdict.Slow(fault.Part, fault.Factor, fault.Reason);
            }
        }

        int seen = 0;
        for (int i = 0; i < _readings.Length; i++)
        {
            if (!_readings[i].Joins(rank))
            {
                continue;
            }

            seen++;
            if (Links[i] is ProbeVerdict.Fit fit)
            {
                return new ProbeVerdict.Fit($"{rank} carries a link as it should: {fit.Reason}");
            }
        }

        return new ProbeVerdict.Unknown(seen == 0
            ? $"{rank} has no link that was probed"
            : Invariant($"none of the {seen} links of {rank} tells its own interface from the path and the other end"));
    }
}
