using System.Collections.Immutable;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;
using StragglerGuard.Core.Probing;

namespace StragglerGuard.Collectives.Probes;

/// <summary>Latency and bandwidth of every link between neighbours in the ring, known to all ranks afterwards.</summary>
/// <remarks>
/// Takes a number of rounds that does not depend on the number of ranks (even rings 2, odd 3, two ranks 1): in each every rank has one
/// link at most. Every link has the same time, so that the whole probe keeps to <see cref="ProbeOptions.TimeLimit"/>; only a link that
/// can't be measured thrice within its time takes longer. It uses the group's transport, so it is for between jobs and steps.
/// Where ranks share a processor their links do so, too: such figures tell a slow link from its like, not what the link could carry.
/// </remarks>
public static class LinkProbe
{
    // Of each figure: median, spread, repeats.
    private const int FigureNumbers = 3;
    private const int LinkNumbers = 3 * FigureNumbers;

    /// <summary>Measures all links; all ranks call it together.</summary>
    /// <param name="communicator">The group's.</param>
    /// <param name="options">Defaults where null; equal at all ranks.</param>
    /// <param name="nodes">Where each rank is, by rank; null if it is not known or all links are of a kind.</param>
    /// <returns>One reading a link, the same on all ranks, in the order of their first ranks; empty for a rank alone.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="ArgumentException">Ranks disagree about the length of messages, or there are more or fewer nodes than ranks.</exception>
    /// <exception cref="Transports.CollectiveException">The group has ended.</exception>
    public static ImmutableArray<LinkReading> Measure(
        Communicator communicator, ProbeOptions? options = null, IReadOnlyList<NodeId>? nodes = null) =>
        Measure(communicator, MonotonicClock.NowNs, options, nodes);

    /// <summary>As the public one.</summary>
    /// <param name="communicator">The group's.</param>
    /// <param name="nowNs">This rank's clock; the first rank of a link times it.</param>
    /// <param name="options">Defaults where null.</param>
    /// <param name="nodes">Where each rank is.</param>
    internal static ImmutableArray<LinkReading> Measure(
        Communicator communicator, Func<long> nowNs, ProbeOptions? options, IReadOnlyList<NodeId>? nodes)
    {
        ArgumentNullException.ThrowIfNull(communicator);
        options ??= new ProbeOptions();
        options.Validate();
        var worldSize = communicator.WorldSize;
        if (nodes is not null && nodes.Count != worldSize)
        {
            throw new ArgumentException($"There are {worldSize} ranks and {nodes.Count} nodes.", nameof(nodes));
        }

        RequireEqualPayload(communicator, options);
        var table = new double[RingRounds.LinkCount(worldSize) * LinkNumbers];
        var roundNs = options.TimeLimitNs / Math.Max(1, RingRounds.Count(worldSize));
        var payload = new byte[options.PayloadBytes];
        for (var round = 0; round < RingRounds.Count(worldSize); round++)
        {
            // All at once: links of one round disturb each other as they do in a collective, those of another round don't.
            communicator.Barrier();
            MeasureRound(communicator, nowNs, round, roundNs, payload, table);
        }

        // Every number has one rank that knows it; the others add zero.
        communicator.AllReduce(table.AsSpan());
        return Read(table, worldSize, nodes);
    }

    private static void RequireEqualPayload(Communicator communicator, ProbeOptions options)
    {
        var all = new long[communicator.WorldSize];
        communicator.AllGather(options.PayloadBytes, all);
        if (Array.FindIndex(all, bytes => bytes != all[0]) is >= 0 and var other)
        {
            throw new ArgumentException(
                $"{nameof(ProbeOptions.PayloadBytes)} is {all[0]} at rank 0 and {all[other]} at rank {other}: it must be equal at all ranks.",
                nameof(options));
        }
    }

    private static void MeasureRound(
        Communicator communicator, Func<long> nowNs, int round, long roundNs, byte[] payload, double[] table)
    {
        var worldSize = communicator.WorldSize;
        var link = RingRounds.LinkOf(communicator.Rank, round, worldSize);
        var transport = communicator.EnterLinkProbe(out var enterNs);
        if (link == communicator.Rank.Value)
        {
            var figures = new LinkLeader(transport, RingRounds.EndOf(link, worldSize), payload, nowNs).Measure(roundNs);
            Write(table, link, figures);
        }
        else if (link >= 0)
        {
            LinkFollower.Serve(transport, new Rank(link), payload);
        }

        communicator.LeaveLinkProbe(enterNs);
    }

    private static void Write(double[] table, int link, in LinkFigures figures)
    {
        var at = table.AsSpan(link * LinkNumbers, LinkNumbers);
        foreach (var figure in (ReadOnlySpan<ProbeFigure>)[figures.LatencyUs, figures.ForwardGBPerSecond, figures.BackwardGBPerSecond])
        {
            (at[0], at[1], at[2]) = (figure.Median, figure.RelativeSpread, figure.Repeats);
            at = at[FigureNumbers..];
        }
    }

    private static ImmutableArray<LinkReading> Read(double[] table, int worldSize, IReadOnlyList<NodeId>? nodes)
    {
        var readings = ImmutableArray.CreateBuilder<LinkReading>(RingRounds.LinkCount(worldSize));
        for (var link = 0; link < RingRounds.LinkCount(worldSize); link++)
        {
            var end = RingRounds.EndOf(link, worldSize);
            var reach = nodes is null ? LinkReach.Unspecified
                : nodes[link] == nodes[end.Value] ? LinkReach.WithinNode
                : LinkReach.BetweenNodes;
            readings.Add(new LinkReading(new Rank(link), end, reach, Figure(link, 0), Figure(link, 1), Figure(link, 2)));
        }

        return readings.MoveToImmutable();

        ProbeFigure Figure(int link, int index)
        {
            var at = (link * LinkNumbers) + (index * FigureNumbers);
            return new ProbeFigure(table[at], table[at + 1], (int)table[at + 2]);
        }
    }
}
