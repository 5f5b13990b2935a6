using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Guardian;
using StragglerGuard.Replay;
using static StragglerGuard.Daemon.CommandLine.TerminalText;

namespace StragglerGuard.Daemon.Judging;

/// <summary>The result of a replay in words.</summary>
internal static class ReplayText
{
    private const int RanksShown = 32;
    private const int ChangesShown = 40;

    public static IEnumerable<string> Lines(RecordedJob job, ReplayResult result, DealWhatIf? whatIf)
    {
        yield return Say($"{job.Name}: {RecordingFormats.NameOf(job.Format)}, {job.RecordCount} records of {job.Steps} steps");
        if (job.RecordsOfEnding > 0)
        {
            yield return Say($"the last {job.RecordsOfEnding} records are of steps that fewer than half of the ranks recorded: left out, the job was ending");
        }

        if (!job.IsWholeJob)
        {
            yield return "";
            foreach (string line in RankTable(job, result.Status))
            {
                yield return line;
            }
        }

        yield return "";
        yield return "Verdicts";
        if (result.Verdicts.Count == 0)
        {
            yield return "  none";
        }

        foreach (ReplayedVerdict verdict in result.Verdicts)
        {
            string sure = verdict.Confidence is { } confidence ? Say($", confidence {confidence:0.00}") : "";
            yield return Say($"  step {verdict.Step}, raised at {verdict.RaisedAtStep}{sure}: {verdict.Reason}");
        }

        yield return "Changes";
        if (result.Changes.Count == 0)
        {
            yield return "  none";
        }

        foreach (ReplayedChange change in result.Changes.Take(ChangesShown))
        {
            string who = change.Rank is { } rank ? Say($"rank {rank}") : "the job";
            yield return Say($"  step {change.Step}, certain at {change.RaisedAtStep}: {who} takes {change.Ratio:0.000} times as long as before");
        }

        if (result.Changes.Count > ChangesShown)
        {
            yield return Say($"  and {result.Changes.Count - ChangesShown} more");
        }

        if (whatIf is not null)
        {
            foreach (string line in WhatIfLines(whatIf))
            {
                yield return line;
            }
        }

        yield return "";
        foreach (string line in Wrapped(result.Summary))
        {
            yield return line;
        }
    }

    private static IEnumerable<string> RankTable(RecordedJob job, JobStatus status)
    {
        yield return "rank  class       stage  time per unit   lag p50   lag p95   last   wait caused";
        foreach (RankStatus rank in status.Ranks.Take(RanksShown))
        {
            RecordedRank recorded = job.Ranks[rank.Rank.Value];
            yield return Say(
                $"{recorded.Number,4}  {recorded.DeviceClass,-10}  {recorded.Stage,5}  {Millis(rank.SecondsPerMicroBatch),13}  {Millis(rank.LagP50Seconds),8}  {Millis(rank.LagP95Seconds),8}  {Percent(rank.LastShare),5}  {(rank.WaitCausedSeconds is { } wait ? Say($"{wait:0.00} s") : "unknown"),11}");
        }

        if (status.Ranks.Count > RanksShown)
        {
            yield return Say($"      and {status.Ranks.Count - RanksShown} more ranks");
        }

        if (!job.HasMicroBatches)
        {
            yield return "      units of work were not recorded: eight a step for every rank";
        }
    }

    private static IEnumerable<string> WhatIfLines(DealWhatIf whatIf)
    {
        yield return Say($"What if {whatIf.MicroBatches} micro-batches a step had been dealt to {whatIf.Receivers} receivers by their speed");
        yield return Say(
            $"  even {whatIf.Deals.EvenSeconds:0.000} s, dealt {whatIf.Deals.DealtSeconds:0.000} s (×{whatIf.Deals.Gain:0.000}), best possible {whatIf.Deals.OracleSeconds:0.000} s (×{whatIf.Deals.OracleGain:0.000})");
        foreach (string line in Wrapped(whatIf.Deals.Reason).Concat(Wrapped(
            $"Backup workers {(whatIf.BackupWorkers.Accepted ? "accepted" : "declined")}: {whatIf.BackupWorkers.Reason}.")))
        {
            yield return "  " + line;
        }
    }

    private static string Millis(double? seconds) => seconds is { } known && double.IsFinite(known) ? Say($"{known * 1e3:0.000} ms") : "unknown";

    private static string Percent(double? share) => share is { } known && double.IsFinite(known) ? Say($"{known * 100:0} %") : "-";
}
