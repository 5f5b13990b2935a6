using StragglerGuard.AkkaCluster.Messages;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>
/// When a guardian joins others, when it begins a cluster, and when it gives its own up for another: from what the others answer, so that of
/// guardians that are cut off from each other at most one part begins a cluster, and parts that have one each become one again.
/// </summary>
/// <remarks>
/// A cluster is begun only where more than half of all guardians answer and none of them is in one, or exactly half with the lowest address
/// among them (as the split-brain resolver keeps it), and then by the lowest of those that answer; twice in a row, since an answer may be as
/// old as its way is long. Of two clusters the one with fewer guardians gives way, of equals the one with the higher address. Which part may
/// decide is not settled here but by the ledger's claim.
/// </remarks>
/// <param name="self">This guardian's address.</param>
/// <param name="others">Those of all others of the fleet.</param>
internal sealed class RollBook(string self, IReadOnlyList<string> others)
{
    /// <summary>An answer older than that is none.</summary>
    public const long FreshNs = 1_500_000_000;

    /// <summary>Times in a row that a cluster is begun, or given up, in mind before it is in fact.</summary>
    private const int FormAfter = 2;
    private const int YieldAfter = 8;

    private readonly Dictionary<string, (RollAnswer Answer, long AtNs)> _answers = [];
    private int _forming;
    private int _yielding;

    /// <summary>Takes an answer in; those of nobody on the list are ignored.</summary>
    public void Note(string from, RollAnswer answer, long nowNs)
    {
        if (others.Contains(from))
        {
            _answers[from] = (answer, nowNs);
        }
    }

    /// <summary>What to do now.</summary>
    /// <param name="own">What this guardian would answer.</param>
    /// <param name="nowNs">ns, of the clock that the answers were noted with.</param>
    public RollDecision Decide(RollAnswer own, long nowNs)
    {
        foreach (string stale in _answers.Where(known => nowNs - known.Value.AtNs > FreshNs).Select(known => known.Key).ToList())
        {
            _answers.Remove(stale);
        }

        return own.IsMember ? AsMember(own) : AsNone();
    }

    private RollDecision AsMember(RollAnswer own)
    {
        _forming = 0;
        string? better = _answers.Where(known => known.Value.Answer is { IsMember: true, CountsCaller: false } && IsBetter(known.Value.Answer, own))
            .Select(known => known.Key).Order(StringComparer.Ordinal).FirstOrDefault();
        _yielding = better is null ? 0 : _yielding + 1;
        return _yielding >= YieldAfter ? new RollDecision.Yield(better!) : RollDecision.Wait.Instance;
    }

    private RollDecision AsNone()
    {
        _yielding = 0;
        if (_answers.Where(known => known.Value.Answer.IsMember).Select(known => known.Key).Order(StringComparer.Ordinal).FirstOrDefault() is { } member)
        {
            _forming = 0;
            return new RollDecision.Join(member);
        }

        int present = _answers.Count + 1;
        int all = others.Count + 1;
        bool isFirst = _answers.Keys.All(other => string.CompareOrdinal(self, other) < 0);
        bool holdsLowest = others.All(other => string.CompareOrdinal(self, other) < 0);
        bool isEnough = 2 * present > all || (2 * present == all && holdsLowest);
        _forming = isFirst && isEnough ? _forming + 1 : 0;
        return _forming >= FormAfter || (all == 1 && isEnough) ? RollDecision.Form.Instance : RollDecision.Wait.Instance;
    }

    private static bool IsBetter(RollAnswer other, RollAnswer own) =>
        other.Guardians != own.Guardians ? other.Guardians > own.Guardians : string.CompareOrdinal(other.Lowest, own.Lowest) < 0;
}

/// <summary>What comes of calling the roll.</summary>
internal abstract record RollDecision
{
    private RollDecision()
    {
    }

    /// <summary>Ask again.</summary>
    public sealed record Wait : RollDecision
    {
        public static readonly Wait Instance = new();
    }

    /// <summary>Join the cluster of this member.</summary>
    public sealed record Join(string Member) : RollDecision;

    /// <summary>Begin a cluster.</summary>
    public sealed record Form : RollDecision
    {
        public static readonly Form Instance = new();
    }

    /// <summary>Give the own cluster up for that of this member.</summary>
    public sealed record Yield(string Member) : RollDecision;
}
