using StragglerGuard.Fabric;

namespace StragglerGuard.AkkaCluster.Agents;

/// <summary>
/// What an agent has sent and not had acknowledged, and what follows from it: when to send more, when to ask for a receipt, when to look
/// for the guardian, which way to take. Knows no clock: time comes with every call.
/// </summary>
/// <remarks>
/// Only so much is under way at once: an engine that can't reach the guardian would keep what it is given, without end. Reports that are
/// sent again are recognised by what they say, so that sending twice is harmless and losing is not. What is lost on the way is noticed by
/// the guardian, which is told what was sent before what: <see cref="DistanceOf"/>.
/// </remarks>
internal sealed class ReportWindow
{
    /// <summary>Reports that may be under way.</summary>
    public const int UnacknowledgedMax = 16;

    /// <summary>A receipt is asked for where the last one is older.</summary>
    public const long ReceiptAgeNs = 2_000_000_000;

    /// <summary>A guardian that answers nothing for so long may be gone.</summary>
    public const long SilenceNs = 3_000_000_000;

    /// <summary>
    /// A guardian that answers hellos but not reports is behind, or can't be reached the one way: patience doubles, up to this, each time that
    /// the newest is sent again. Thousands of agents that repeat themselves every few seconds would keep it behind for good.
    /// </summary>
    public const long PatienceMaxNs = 48_000_000_000;

    /// <summary>So often the guardian is looked for while none answers.</summary>
    public const long LookingNs = 1_000_000_000;

    /// <summary>So often, at first, where the guardian itself has said that it hands over: another one is about to decide.</summary>
    public const long AwaitingNs = 400_000_000;

    /// <summary>So often a guardian that answers is told that the agent is there.</summary>
    public const long KeepingNs = 10_000_000_000;

    /// <summary>So long what was sent again to fill a gap may be under way.</summary>
    public const long FillingNs = 1_000_000_000;

    /// <summary>After so long on the longer way the direct one is tried again.</summary>
    public const long DetourNs = 60_000_000_000;

    private readonly Queue<NodeReport> _sent = new(UnacknowledgedMax);
    private string? _guardian;
    private long _newestAsked;
    private long? _askedNs;
    private long? _receiptNs;
    private long? _helloNs;
    private long? _unansweredHelloNs;
    private long? _farewellNs;
    private long _detourNs;
    private long _sentNs;
    private long _patienceNs = SilenceNs;
    private long? _filledNs;
    private long _settled = long.MinValue;
    private bool _needsAll;

    /// <summary>Who welcomed last; null before the first.</summary>
    public string? Guardian => _guardian;

    /// <summary>Whether reports are to go the way that hellos go, since what is sent to the guardian itself isn't answered.</summary>
    public bool IsOnDetour { get; private set; }

    /// <summary>Whether a report may be sent now.</summary>
    public bool TakesMore => _guardian is not null && _sent.Count < UnacknowledgedMax;

    /// <summary>Sent and not acknowledged.</summary>
    public int Unacknowledged => _sent.Count;

    /// <summary>The same reports, oldest first.</summary>
    public IReadOnlyCollection<NodeReport> Kept => _sent;

    /// <summary>Of no report up to this one, of those that were sent or left out, a receipt is still to come.</summary>
    public long Settled => _sent.TryPeek(out NodeReport? oldest) ? oldest.Sequence - 1 : _settled;

    /// <summary>A report is sent.</summary>
    /// <param name="report">Newer than all before.</param>
    /// <param name="nowNs">ns.</param>
    /// <param name="isAwaited">Whether somebody waits for the receipt.</param>
    /// <returns>Whether to ask for a receipt.</returns>
    /// <exception cref="InvalidOperationException">The window takes no more.</exception>
    public bool Send(NodeReport report, long nowNs, bool isAwaited)
    {
        if (!TakesMore)
        {
            throw new InvalidOperationException("the window is full, or no guardian known");
        }

        if (IsOnDetour && _sent.Count == 0 && nowNs - _detourNs >= DetourNs)
        {
            IsOnDetour = false;
        }

        _sent.Enqueue(report);
        _settled = report.Sequence;
        _sentNs = nowNs;
        bool asks = isAwaited || _sent.Count >= UnacknowledgedMax / 2 || _receiptNs is not { } last || nowNs - last >= ReceiptAgeNs;
        if (asks)
        {
            Asked(report, nowNs);
        }

        return asks;
    }

    /// <summary>A report, newer than all before, can't be sent, and never will be.</summary>
    public void LeaveOut(NodeReport report) => _settled = report.Sequence;

    /// <summary>
    /// How far a report's sequence is above that of the one before it that is kept: without that one the guardian is not to acknowledge it.
    /// </summary>
    /// <returns>0 where none is kept.</returns>
    public long DistanceOf(NodeReport report)
    {
        long distance = 0;
        foreach (NodeReport kept in _sent)
        {
            if (kept.Sequence >= report.Sequence)
            {
                break;
            }

            distance = report.Sequence - kept.Sequence;
        }

        return distance;
    }

    /// <summary>
    /// The guardian has got newer reports than one that it lacks. Several questions may have been under way when that was lost: only the
    /// first answer is heeded.
    /// </summary>
    /// <param name="nowNs">ns.</param>
    /// <returns>Whether something is to be sent again: <see cref="SendAgain"/>.</returns>
    public bool HasGap(long nowNs)
    {
        if (_guardian is null || _sent.Count == 0 || (_filledNs is { } filled && nowNs - filled < FillingNs))
        {
            return false;
        }

        _filledNs = nowNs;
        _askedNs = null;
        _needsAll = true;
        return true;
    }

    /// <summary>A receipt has come.</summary>
    /// <returns>Reports that it acknowledged.</returns>
    public int Acknowledge(long sequence, long nowNs)
    {
        int acknowledged = 0;
        while (_sent.TryPeek(out NodeReport? oldest) && oldest.Sequence <= sequence)
        {
            _sent.Dequeue();
            acknowledged++;
        }

        if (acknowledged > 0)
        {
            _receiptNs = nowNs;
            _patienceNs = SilenceNs;
            _askedNs = _sent.Count > 0 && _newestAsked > sequence ? nowNs : null;
        }

        return acknowledged;
    }

    /// <summary>The guardian hands over: it takes nothing more, and the next one is to be looked for from now on.</summary>
    /// <param name="nowNs">ns.</param>
    public void Farewell(long nowNs) => (_guardian, _helloNs, _askedNs, _farewellNs) = (null, null, null, nowNs);

    /// <summary>A guardian has answered a hello.</summary>
    /// <param name="guardian">Which; one that began anew is another one.</param>
    /// <param name="nowNs">ns.</param>
    /// <returns>Whether something is to be sent again: <see cref="SendAgain"/>.</returns>
    public bool Welcome(string guardian, long nowNs)
    {
        _unansweredHelloNs = null;
        if (_guardian != guardian)
        {
            _guardian = guardian;
            _patienceNs = SilenceNs;
            _needsAll = true;
            IsOnDetour = false;
        }
        else if (IsReportUnanswered(nowNs))
        {
            _patienceNs = Math.Min(2 * _patienceNs, PatienceMaxNs);
            _needsAll = false;

            // It is there, and hears hellos, but either the reports or the receipts get lost.
            IsOnDetour = !IsOnDetour;
            _detourNs = nowNs;
        }
        else
        {
            return false;
        }

        _askedNs = null;
        return _sent.Count > 0;
    }

    /// <summary>
    /// What is to be sent again, in order; with the last one a receipt is asked for. Another guardian needs everything unacknowledged, and so does
    /// the same one where the connection to it ended, or something was lost. Else it has most likely got it, and is behind: the newest is enough to
    /// ask by, or thousands of agents would bury it under their windows. Where it has not, it will say so: <see cref="HasGap"/>.
    /// </summary>
    public IReadOnlyList<(NodeReport Report, bool WantsReceipt)> SendAgain(long nowNs)
    {
        var again = _sent.Select((report, index) => (report, index == _sent.Count - 1)).Skip(_needsAll ? 0 : _sent.Count - 1).ToList();
        if (again.Count > 0)
        {
            Asked(again[^1].report, nowNs);
        }

        return again;
    }

    /// <summary>Somebody waits for all receipts: the newest report, to be sent once more, where no question for it is under way.</summary>
    public NodeReport? AskForNewest(long nowNs)
    {
        if (_guardian is null || _sent.Count == 0)
        {
            return null;
        }

        NodeReport newest = _sent.Last();
        if (_askedNs is not null && _newestAsked >= newest.Sequence)
        {
            return null;
        }

        Asked(newest, nowNs);
        return newest;
    }

    /// <summary>Whether nothing up to a report is under way any more.</summary>
    public bool HasSettled(long sequence) => !_sent.TryPeek(out NodeReport? oldest) || oldest.Sequence > sequence;

    /// <summary>Whether the guardian is to be looked for, or told that the agent is there.</summary>
    /// <remarks>
    /// Reports that nobody asked a receipt for say nothing about the guardian: then a hello is the question. But not where another report, which
    /// asks, is sent before long: thousands of agents would say hello every two seconds.
    /// </remarks>
    public bool IsHelloDue(long nowNs) => _helloNs is not { } last || nowNs - last >= (
        _guardian is null && _farewellNs is { } told && nowNs - told < SilenceNs ? AwaitingNs
        : _guardian is null || IsSilent(nowNs) ? LookingNs
        : _sent.Count > 0 && _askedNs is null && nowNs - _sentNs >= ReceiptAgeNs ? ReceiptAgeNs
        : KeepingNs);

    /// <summary>A hello was sent.</summary>
    public void SaidHello(long nowNs)
    {
        _helloNs = nowNs;
        _unansweredHelloNs ??= nowNs;
    }

    /// <summary>
    /// The connection to the guardian has ended, and what was under way is lost: nothing more is sent until one, which may be the same, has
    /// answered, and then everything unacknowledged is.
    /// </summary>
    /// <param name="nowNs">ns.</param>
    public void LoseTouch(long nowNs)
    {
        if (_guardian is not null)
        {
            (_guardian, _askedNs) = (null, null);
            _unansweredHelloNs = Math.Min(_unansweredHelloNs ?? nowNs, nowNs - SilenceNs);
        }
    }

    /// <summary>Whether a question, hello or report, has waited for too long for its answer.</summary>
    public bool IsSilent(long nowNs) => (_unansweredHelloNs is { } since && nowNs - since >= SilenceNs) || IsReportUnanswered(nowNs);

    private bool IsReportUnanswered(long nowNs) => _askedNs is { } since && nowNs - since >= _patienceNs;

    private void Asked(NodeReport report, long nowNs)
    {
        _newestAsked = report.Sequence;
        _askedNs ??= nowNs;
    }
}
