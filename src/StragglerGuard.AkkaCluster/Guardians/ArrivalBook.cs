using StragglerGuard.AkkaCluster.Messages;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>
/// Up to where the reports of each agent have come without a gap: a receipt that passed over a report that was lost on the way would have
/// the agent forget it.
/// </summary>
/// <remarks>
/// Whom it has forgotten it asks for all that the agent keeps, which is little and harmless: so it may forget whenever it likes, and needs
/// neither a clock nor goodbyes.
/// </remarks>
/// <param name="capacity">Agents heard of last that it remembers at least; at most twice as many.</param>
internal sealed class ArrivalBook(int capacity)
{
    /// <summary>More agents than any cluster has, in a few megabytes.</summary>
    public const int Capacity = 65_536;

    private Dictionary<long, long> _recent = [];
    private Dictionary<long, long> _former = [];

    public ArrivalBook()
        : this(Capacity)
    {
    }

    /// <summary>Agents that it remembers.</summary>
    public int Count => _recent.Count + _former.Count;

    /// <summary>A report has come.</summary>
    /// <returns>Up to where all have, as <see cref="ReportReceipt"/> says it.</returns>
    public (long Sequence, bool LacksOlder) Note(AgentReport report)
    {
        long sequence = report.Report.Sequence;
        if (report.Agent == 0)
        {
            return (sequence, false);
        }

        long known = _recent.TryGetValue(report.Agent, out long recent) ? recent
            : _former.Remove(report.Agent, out long former) ? former
            : long.MinValue;
        bool follows = report.Distance == 0 || sequence - report.Distance <= known;
        long upTo = follows ? Math.Max(known, sequence) : known;
        if (upTo == long.MinValue)
        {
            return (upTo, true);
        }

        _recent[report.Agent] = upTo;
        if (_recent.Count >= capacity)
        {
            (_former, _recent) = (_recent, []);
        }

        return (upTo, upTo < sequence);
    }
}
