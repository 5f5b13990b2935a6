using System.Globalization;
using System.Text.RegularExpressions;
using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;

namespace StragglerGuard.Replay;

/// <summary>Takes down what the engine decides about a recorded job, in the recording's own rank numbers.</summary>
internal sealed partial class ReplayTranscript(RecordedJob job)
{
    private readonly bool _isRenumbered = job.Ranks.Where((rank, place) => rank.Number != place).Any();
    private readonly List<ReplayedVerdict> _verdicts = [];
    private readonly List<ReplayedChange> _changes = [];
    private long _sequence;

    /// <summary>Takes a decision, as the ledger would.</summary>
    public bool Take(Func<long, LedgerDecision?> decide)
    {
        LedgerDecision? decision = decide(_sequence + 1);
        if (decision is null)
        {
            return false;
        }

        _sequence++;
        switch (decision)
        {
            case StragglerFound found:
                Verdict verdict = found.Verdict;
                _verdicts.Add(new ReplayedVerdict(
                    NumberOf(verdict.Rank), verdict.OnsetStep, verdict.RaisedAtStep, verdict.Kind, verdict.Slowdown, verdict.Cause, null,
                    InOwnNumbers(verdict.Reason)));
                _changes.Add(new ReplayedChange(NumberOf(verdict.Rank), verdict.OnsetStep, verdict.RaisedAtStep, verdict.Slowdown));
                break;
            case StragglerCleared cleared:
                _changes.Add(new ReplayedChange(NumberOf(cleared.Rank), cleared.Step, cleared.Step, 1));
                break;
        }

        return true;
    }

    public ReplayResult ToResult(JobStatus status) => new(_verdicts, _changes, status, Summarize());

    private int? NumberOf(Rank? rank) => rank is { } place && !job.IsWholeJob ? job.Ranks[place.Value].Number : null;

    // The engine numbers ranks from 0; a recording of some ranks of a job does not.
    private string InOwnNumbers(string reason) => !_isRenumbered
        ? reason
        : RankName().Replace(reason, match =>
            int.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out int place) && place < job.Ranks.Count
                ? FormattableString.Invariant($"rank {job.Ranks[place].Number}")
                : match.Value);

    private string Summarize()
    {
        string what = FormattableString.Invariant(
            $"{(job.IsWholeJob ? "One series of the whole job" : $"{job.Ranks.Count} ranks")}, {job.Steps} steps ({job.FirstStep} to {job.LastStep}). ");
        if (_verdicts.Count == 0)
        {
            return what + (_changes.Count == 0 ? "Nothing stands out." : FormattableString.Invariant($"{_changes.Count} changes, and nobody is accused."));
        }

        string[] accused = [.. _verdicts.Where(verdict => verdict.Rank is not null).Select(verdict => FormattableString.Invariant($"rank {verdict.Rank}")).Distinct()];
        return what + FormattableString.Invariant($"{_verdicts.Count} verdicts ({(accused.Length == 0 ? "no rank" : string.Join(", ", accused))}), {_changes.Count} changes.");
    }

    [GeneratedRegex(@"\brank (\d{1,9})\b")]
    private static partial Regex RankName();
}
