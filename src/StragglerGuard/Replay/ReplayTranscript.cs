using System.Globalization;
using System.Text.RegularExpressions;
using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Guardian;

namespace StragglerGuard.Replay;

/// <summary>Puts what the engine said of a recorded job into the recording's own rank numbers.</summary>
internal static partial class ReplayTranscript
{
    public static ReplayResult Of(RecordedJob job, JobStatus status)
    {
        bool isRenumbered = job.Ranks.Where((rank, place) => rank.Number != place).Any();
        ReplayedVerdict[] verdicts =
        [
            .. status.Verdicts.Select(verdict => new ReplayedVerdict(
                NumberOf(job, verdict.Rank), verdict.OnsetStep, verdict.RaisedAtStep, verdict.Kind, verdict.Slowdown, verdict.Cause, verdict.Confidence,
                isRenumbered ? InOwnNumbers(job, verdict.Reason) : verdict.Reason)),
        ];
        ReplayedChange[] changes =
        [
            .. status.Changes.Select(change => new ReplayedChange(NumberOf(job, change.Rank), change.Step, change.RaisedAtStep, change.Ratio)),
        ];
        return new ReplayResult(verdicts, changes, status, Summarize(job, verdicts, changes));
    }

    private static int? NumberOf(RecordedJob job, Rank? rank) => rank is { } place && !job.IsWholeJob ? job.Ranks[place.Value].Number : null;

    // The engine numbers ranks from 0; a recording of some ranks of a job does not.
    private static string InOwnNumbers(RecordedJob job, string reason) => RankName().Replace(reason, match =>
        int.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out int place) && place < job.Ranks.Count
            ? FormattableString.Invariant($"rank {job.Ranks[place].Number}")
            : match.Value);

    private static string Summarize(RecordedJob job, ReplayedVerdict[] verdicts, ReplayedChange[] changes)
    {
        string what = FormattableString.Invariant(
            $"{(job.IsWholeJob ? "One series of the whole job" : $"{job.Ranks.Count} ranks")}, {job.Steps} steps ({job.FirstStep} to {job.LastStep}).");
        string[] slow =
        [
            .. verdicts.Where(verdict => verdict.Rank is not null && IsSlowness(verdict.Kind)).GroupBy(verdict => verdict.Rank!.Value)
                .Select(rank => FormattableString.Invariant($"rank {rank.Key} ({rank.Max(verdict => verdict.Slowdown):0.00} times as slow at worst, {CauseOf(rank)})")),
        ];
        string accused = slow.Length == 0 ? "No rank is called slow." : $"Slow: {string.Join(", ", slow)}.";
        string[] others =
        [
            .. verdicts.Where(verdict => verdict.Rank is null || !IsSlowness(verdict.Kind)).GroupBy(verdict => verdict.Kind)
                .Select(kind => FormattableString.Invariant($"{Words(kind.Key)} ×{kind.Count()}")),
        ];
        string further = others.Length == 0 ? "" : $" Further findings, which accuse nobody of slowness: {string.Join(", ", others)}.";
        int onsets = changes.Count(change => change.Ratio > 1);
        string turns = changes.Length == 0
            ? ""
            : FormattableString.Invariant($" Changes: {onsets} to slower, {changes.Length - onsets} to faster.");
        return $"{what} {accused}{further}{turns}";
    }

    private static bool IsSlowness(VerdictKind kind) =>
        kind is VerdictKind.PersistentSlowness or VerdictKind.SlowFromStart or VerdictKind.SlowAgainstPeers;

    private static string CauseOf(IEnumerable<ReplayedVerdict> verdicts) =>
        string.Join(" and ", verdicts.Select(verdict => verdict.Cause == Cause.Unknown ? "cause unknown" : $"cause {Words(verdict.Cause)}").Distinct());

    // From a name of an enumeration: slow against peers.
    private static string Words<T>(T value)
        where T : struct, Enum => WordStart().Replace(value.ToString(), " $0").Trim().ToLowerInvariant();

    [GeneratedRegex(@"\brank (\d{1,9})\b")]
    private static partial Regex RankName();

    [GeneratedRegex("[A-Z]")]
    private static partial Regex WordStart();
}
