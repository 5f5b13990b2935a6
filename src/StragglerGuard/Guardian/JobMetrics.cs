using StragglerGuard.Telemetry;

namespace StragglerGuard.Guardian;

/// <summary>Shows a job on the metrics page once all its ranks have reported.</summary>
internal sealed class JobMetrics(GuardInstruments instruments)
{
    private JobMetricsSnapshot? _snapshot;

    /// <summary>Writes the figures as they stand.</summary>
    public void Publish(JobStatus status, int worldSize)
    {
        if (status.Ranks.Count < worldSize)
        {
            return;
        }

        _snapshot ??= Track(status);
        WriteRanks(status, _snapshot);
        _snapshot.Step = status.LastStep < 0 ? double.NaN : status.LastStep;
        _snapshot.GuardianLatenessSeconds = status.LatenessSeconds ?? double.NaN;
        _snapshot.StepSeconds = status.StepSeconds ?? double.NaN;
        _snapshot.TransferSeconds = status.TransferSeconds ?? double.NaN;
        _snapshot.EpochInForce = status.Epoch;
        _snapshot.Mode = status.Mode;
        _snapshot.RecordsAccepted = status.Frames.Accepted;
        _snapshot.RecordsDuplicate = status.Frames.Duplicates;
        _snapshot.RecordsLate = status.Frames.Late;
        _snapshot.RecordsOtherGeneration = status.Frames.OtherGeneration;
        _snapshot.RecordsUnknownRank = status.Frames.UnknownRank;
        _snapshot.RecordsInvalid = status.Frames.Invalid;
        _snapshot.RecordsOutOfOrder = status.Frames.OutOfOrder;
        _snapshot.RecordsMissing = status.Frames.Missing;
        _snapshot.FramesComplete = status.Frames.CompleteFrames;
        _snapshot.FramesIncomplete = status.Frames.IncompleteFrames;
        _snapshot.RecordsLost = status.RecordsLost;
        _snapshot.RecordsTorn = status.RecordsTorn;
        _snapshot.PlansProposed = status.PlansDecided;
        _snapshot.PredictedGain = status.PredictedGain ?? double.NaN;
        _snapshot.VotesSplit = status.SplitVotes;
    }

    private JobMetricsSnapshot Track(JobStatus status)
    {
        // A new generation takes the place of the one before.
        instruments.Untrack(status.Job);
        var snapshot = new JobMetricsSnapshot(
            status.Job, [.. status.Ranks.Select(rank => new RankLabels(rank.Rank, rank.DeviceClass, rank.Worker.Node))]);
        instruments.Track(snapshot);
        return snapshot;
    }

    private static void WriteRanks(JobStatus status, JobMetricsSnapshot snapshot)
    {
        for (int i = 0; i < status.Ranks.Count; i++)
        {
            RankStatus rank = status.Ranks[i];
            snapshot.LagP50Seconds[i] = rank.LagP50Seconds ?? double.NaN;
            snapshot.LagP95Seconds[i] = rank.LagP95Seconds ?? double.NaN;
            snapshot.LagP99Seconds[i] = rank.LagP99Seconds ?? double.NaN;
            snapshot.LastArriverShare[i] = rank.LastShare ?? double.NaN;
            snapshot.WaitCausedSeconds[i] = rank.WaitCausedSeconds;
            snapshot.SecondsPerMicroBatch[i] = rank.SecondsPerMicroBatch ?? double.NaN;
            snapshot.MicroBatches[i] = rank.MicroBatches;
            snapshot.Slowdown[i] = rank.Slowdown ?? double.NaN;
            snapshot.Straggler[i] = rank.Verdict is not null ? 1 : rank.Slowdown is { } known && !double.IsNaN(known) ? 0 : double.NaN;
        }
    }
}
