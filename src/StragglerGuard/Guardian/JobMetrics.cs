using StragglerGuard.Telemetry;

namespace StragglerGuard.Guardian;

/// <summary>Shows a job on the metrics page once all its ranks have reported.</summary>
internal sealed class JobMetrics(GuardInstruments instruments)
{
    private JobMetricsSnapshot? _snapshot;
    private int _next;

    /// <summary>Writes the figures of some ranks as they stand, after those that were written last; with the first ones, those of the job.</summary>
    /// <param name="judge">Of the job, always the same one.</param>
    /// <param name="ranks">How many ranks, 1 or more.</param>
    /// <returns>Whether all ranks are written; the next call begins anew.</returns>
    public bool Publish(JobJudge judge, int ranks)
    {
        if (!judge.IsComplete)
        {
            return true;
        }

        _snapshot ??= Track(judge);
        if (_next == 0)
        {
            WriteJob(judge.StatusWithoutRanks(), _snapshot);
        }

        int end = Math.Min(judge.WorldSize, _next + ranks);
        for (int rank = _next; rank < end; rank++)
        {
            WriteRank(judge.StatusOf(rank), _snapshot, rank);
        }

        _next = end == judge.WorldSize ? 0 : end;
        return _next == 0;
    }

    private static void WriteJob(JobStatus status, JobMetricsSnapshot snapshot)
    {
        snapshot.Step = status.LastStep < 0 ? double.NaN : status.LastStep;
        snapshot.GuardianLatenessSeconds = status.LatenessSeconds ?? double.NaN;
        snapshot.StepSeconds = status.StepSeconds ?? double.NaN;
        snapshot.TransferSeconds = status.TransferSeconds ?? double.NaN;
        snapshot.EpochInForce = status.Epoch;
        snapshot.Mode = status.Mode;
        snapshot.RecordsAccepted = status.Frames.Accepted;
        snapshot.RecordsDuplicate = status.Frames.Duplicates;
        snapshot.RecordsLate = status.Frames.Late;
        snapshot.RecordsOtherGeneration = status.Frames.OtherGeneration;
        snapshot.RecordsUnknownRank = status.Frames.UnknownRank;
        snapshot.RecordsInvalid = status.Frames.Invalid;
        snapshot.RecordsOutOfOrder = status.Frames.OutOfOrder;
        snapshot.RecordsMissing = status.Frames.Missing;
        snapshot.FramesComplete = status.Frames.CompleteFrames;
        snapshot.FramesIncomplete = status.Frames.IncompleteFrames;
        snapshot.RecordsLost = status.RecordsLost;
        snapshot.RecordsTorn = status.RecordsTorn;
        snapshot.PlansProposed = status.PlansDecided;
        snapshot.PredictedGain = status.PredictedGain ?? double.NaN;
        snapshot.VotesSplit = status.SplitVotes;
    }

    private JobMetricsSnapshot Track(JobJudge judge)
    {
        // A new generation takes the place of the one before.
        instruments.Untrack(judge.Job);
        var snapshot = new JobMetricsSnapshot(judge.Job, judge.Labels());
        instruments.Track(snapshot);
        return snapshot;
    }

    private static void WriteRank(RankStatus rank, JobMetricsSnapshot snapshot, int i)
    {
        snapshot.LagP50Seconds[i] = rank.LagP50Seconds ?? double.NaN;
        snapshot.LagP95Seconds[i] = rank.LagP95Seconds ?? double.NaN;
        snapshot.LagP99Seconds[i] = rank.LagP99Seconds ?? double.NaN;
        snapshot.LastArriverShare[i] = rank.LastShare ?? double.NaN;
        snapshot.WaitCausedSeconds[i] = rank.WaitCausedSeconds ?? double.NaN;
        snapshot.SecondsPerMicroBatch[i] = rank.SecondsPerMicroBatch ?? double.NaN;
        snapshot.MicroBatches[i] = rank.MicroBatches ?? double.NaN;
        snapshot.Slowdown[i] = rank.Slowdown ?? double.NaN;
        snapshot.Straggler[i] = rank.Verdict is not null ? 1 : rank.Slowdown is { } known && !double.IsNaN(known) ? 0 : double.NaN;
    }
}
