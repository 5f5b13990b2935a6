using System.Collections.Immutable;
using static System.FormattableString;

namespace StragglerGuard.Core.Probing;

/// <summary>Says whether what was probed is as fast as its like.</summary>
/// <remarks>
/// One judge for three uses. Before a job: every device against its peers, the ring's links against each other. Before anything
/// destructive: a verdict that rests on step times is confirmed where the probe says <see cref="ProbeVerdict.Slow"/>, contradicted where
/// it says <see cref="ProbeVerdict.Fit"/>, and neither where <see cref="ProbeVerdict.Unknown"/>. For readmission: a device on probation
/// comes back when it is fit against those at work or, where these are fewer than three, against its class's figure from before.
/// Compare only what was measured under like conditions: all busy, or all idle.
/// </remarks>
public sealed class ProbeJudge
{
    /// <summary>With fewer peers a device is compared with the figure known from before.</summary>
    public const int DevicePeersMin = 3;

    // Among so many links of a kind, the two of one rank move no median: all share one reference, and large rings are judged in linear time.
    private const int CrowdLinks = 64;

    private readonly ProbeJudgeOptions _options;

    /// <summary>A judge.</summary>
    /// <param name="options">Defaults where null.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public ProbeJudge(ProbeJudgeOptions? options = null)
    {
        _options = options ?? new ProbeJudgeOptions();
        ImmutableArray<string> faults = _options.FindFaults();
        if (!faults.IsEmpty)
        {
            throw new ArgumentException(string.Join("; ", faults), nameof(options));
        }
    }

    /// <summary>Judges a device.</summary>
    /// <param name="own">What was probed; a part that was not probed is not judged.</param>
    /// <param name="peers">The others' readings, without its own; those of another class or problem size are left out.</param>
    /// <param name="prior">What is known of its class from before, for example from the start of the job; null if nothing.</param>
    /// <returns>The slowest part decides; fit only where all parts that were probed are.</returns>
    public ProbeVerdict Device(DeviceProbeReading own, IReadOnlyList<DeviceProbeReading> peers, DeviceProbeReading? prior = null)
    {
        ArgumentNullException.ThrowIfNull(own);
        ArgumentNullException.ThrowIfNull(peers);
        var parts = ImmutableArray.CreateBuilder<FigureComparison>(2);
        if (own.Gemm is { } gemm)
        {
            bool IsLike(GemmReading? other) => other is not null && other.Class == gemm.Class && other.Order == gemm.Order;
            parts.Add(DevicePart(
                ProbedPart.Compute, gemm.GFlopPerSecond,
                [.. peers.Select(peer => peer.Gemm).Where(IsLike).Select(reading => reading!.GFlopPerSecond)],
                IsLike(prior?.Gemm) ? prior!.Gemm!.GFlopPerSecond : default));
        }

        if (own.Memory is { } memory)
        {
            bool IsLike(MemoryReading? other) => other is not null && other.Class == memory.Class && other.Bytes == memory.Bytes;
            parts.Add(DevicePart(
                ProbedPart.Memory, memory.GBPerSecond,
                [.. peers.Select(peer => peer.Memory).Where(IsLike).Select(reading => reading!.GBPerSecond)],
                IsLike(prior?.Memory) ? prior!.Memory!.GBPerSecond : default));
        }

        return parts.Count == 0
            ? new ProbeVerdict.Unknown("nothing of the device was probed")
            : FigureComparison.Together(Invariant($"{(own.Gemm?.Class ?? own.Memory!.Class).Name}"), parts.ToImmutable());
    }

    /// <summary>Judges all links of a ring at once, and finds which end is at fault.</summary>
    /// <param name="readings">One a link; no two of the same pair of ranks.</param>
    /// <param name="prior">Such a link's figures from before, for where there is nothing to compare with; null if not known.</param>
    /// <remarks>
    /// A link is compared with the links that share no rank with it: a slow interface shows on all links of its rank, so that these would
    /// excuse each other. What is found slow is then left out of the others' peers, and all are compared once more. In a triangle no
    /// links are apart: one is compared with the faster of the other two. A slow interface is told
    /// from a slow link by the rank's other links; the fewest faults that explain all slow links are named.
    /// </remarks>
    /// <exception cref="ArgumentException">A link joins a rank with itself, or two readings are of the same pair.</exception>
    public LinkFindings Links(IReadOnlyList<LinkReading> readings, LinkReading? prior = null)
    {
        ArgumentNullException.ThrowIfNull(readings);
        RequirePairs(readings);
        ImmutableArray<LinkReading> links = [.. readings];
        ImmutableArray<FigureComparison> latency = LinkPart(ProbedPart.LinkLatency, links, prior, link => link.LatencyUs);
        ImmutableArray<FigureComparison> bandwidth = LinkPart(ProbedPart.LinkBandwidth, links, prior, link => link.SlowerGBPerSecond);
        var faults = new List<LinkFault>();
        LinkFaultSearch.Find(links, latency, faults);
        LinkFaultSearch.Find(links, bandwidth, faults);
        return new LinkFindings(
            links,
            [.. links.Select((link, i) => FigureComparison.Together($"{link.From} – {link.To}", [latency[i], bandwidth[i]]))],
            [.. faults.OrderByDescending(fault => fault.Factor)]);
    }

    private static void RequirePairs(IReadOnlyList<LinkReading> readings)
    {
        var pairs = new HashSet<(Rank, Rank)>();
        foreach (LinkReading reading in readings)
        {
            if (reading.From == reading.To || !pairs.Add(reading.From < reading.To ? (reading.From, reading.To) : (reading.To, reading.From)))
            {
                throw new ArgumentException($"A link joins two ranks, and is read once: {reading.From} – {reading.To}.", nameof(readings));
            }
        }
    }

    private FigureComparison DevicePart(ProbedPart part, ProbeFigure own, IEnumerable<ProbeFigure> peers, ProbeFigure prior)
    {
        if (!own.IsKnown)
        {
            return FigureComparison.WithoutReference(part, "too few sound repeats were measured");
        }

        ProbeFigure[] known = [.. peers.Where(peer => peer.IsKnown)];
        return known.Length >= DevicePeersMin ? FigureComparison.WithPeers(part, own, PeerReference.Of(known), _options)
            : prior.IsKnown ? FigureComparison.WithPrior(part, own, prior, _options)
            : FigureComparison.WithoutReference(part, Invariant(
                $"{known.Length} peers of the same class and problem size, {DevicePeersMin} are needed, and nothing is known from before"));
    }

    private ImmutableArray<FigureComparison> LinkPart(
        ProbedPart part, ImmutableArray<LinkReading> links, LinkReading? prior, Func<LinkReading, ProbeFigure> figureOf)
    {
        Dictionary<LinkReach, LinkReading[]> known = links.Where(link => figureOf(link).IsKnown)
            .GroupBy(link => link.Reach).ToDictionary(group => group.Key, group => group.ToArray());
        Dictionary<LinkReach, PeerReference> crowds = known.Where(like => like.Value.Length > CrowdLinks)
            .ToDictionary(like => like.Key, like => PeerReference.Of([.. like.Value.Select(figureOf)]));

        // Both links of a slow interface may be among the peers of a link further on, half of them in a small ring: what was found slow
        // is no yardstick for the others.
        ImmutableArray<FigureComparison> first = [.. links.Select(link => Judge(link, []))];
        HashSet<LinkReading> slow = [.. links.Where((_, i) => first[i].Standing == FigureStanding.Slow)];
        return slow.Count == 0 ? first : [.. links.Select(link => Judge(link, slow))];

        FigureComparison Judge(LinkReading link, HashSet<LinkReading> leftOut)
        {
            ProbeFigure own = figureOf(link);
            if (!own.IsKnown)
            {
                return FigureComparison.WithoutReference(part, "too few sound repeats were measured");
            }

            if (crowds.TryGetValue(link.Reach, out PeerReference crowd))
            {
                return FigureComparison.WithPeers(part, own, crowd, _options);
            }

            LinkReading[] others = [.. known[link.Reach].Where(other => other != link)];
            LinkReading[] apart = [.. others.Where(other => !other.SharesARankWith(link))];
            LinkReading[] sound = [.. apart.Where(other => !leftOut.Contains(other))];
            if (apart.Length > 0)
            {
                ProbeFigure[] peers = [.. (sound.Length > 0 ? sound : apart).Select(figureOf)];
                return FigureComparison.WithPeers(part, own, PeerReference.Of(peers), _options);
            }

            if (prior is not null && prior.Reach == link.Reach && figureOf(prior).IsKnown)
            {
                return FigureComparison.WithPrior(part, own, figureOf(prior), _options);
            }

            return others.Length < 2
                ? FigureComparison.WithoutReference(part, "no link of its kind to compare with, and nothing is known from before")
                : FigureComparison.WithPeers(part, own, PeerReference.Of([Faster(part, others.Select(figureOf))]), _options);
        }
    }

    private static ProbeFigure Faster(ProbedPart part, IEnumerable<ProbeFigure> figures) =>
        part == ProbedPart.LinkLatency ? figures.MinBy(figure => figure.Median) : figures.MaxBy(figure => figure.Median);
}
