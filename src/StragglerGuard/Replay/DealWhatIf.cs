using StragglerGuard.Core.Planning;

namespace StragglerGuard.Replay;

/// <summary>What the deals of a recorded job would have won.</summary>
/// <param name="MicroBatches">Micro-batches of a step, M.</param>
/// <param name="Receivers">Data-parallel replicas that they are dealt to.</param>
/// <param name="Deals">The rehearsed deals.</param>
/// <param name="BackupWorkers">Whether the reduction should stop waiting for the last.</param>
public sealed record DealWhatIf(int MicroBatches, int Receivers, DealRehearsalOutcome Deals, BackupWorkerDecision BackupWorkers)
{
    /// <summary>Rehearses the deals of a recorded job.</summary>
    /// <remarks>
    /// The receiver is the data-parallel replica, and its speed that of its slowest rank: compute time ÷ units of work, the units of an even deal where they were not
    /// recorded. Steps in which a rank is missing or did no work are left out.
    /// </remarks>
    /// <param name="job">The job.</param>
    /// <param name="microBatches">Micro-batches of a step, M.</param>
    /// <returns>The outcome, or null and why there is none.</returns>
    public static (DealWhatIf? WhatIf, string? Fault) Of(RecordedJob job, int microBatches)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentOutOfRangeException.ThrowIfLessThan(microBatches, 1);
        if (job.IsWholeJob)
        {
            return (null, "a log of the whole job has nobody to deal work to");
        }

        int[] replicas = [.. job.Ranks.Select(rank => rank.Replica).Distinct().Order()];
        if (microBatches < replicas.Length)
        {
            return (null, FormattableString.Invariant($"{microBatches} micro-batches are too few for {replicas.Length} replicas"));
        }

        int[] receiverOf = [.. job.Ranks.Select(rank => Array.BinarySearch(replicas, rank.Replica))];
        double evenUnits = (double)microBatches / replicas.Length;
        var rehearsal = new DealRehearsal(replicas.Length, microBatches);
        var stepSeconds = new List<double>();
        var transfers = new List<double>();
        double[] unitSeconds = new double[replicas.Length];
        ReadOnlySpan<RecordedStep> records = job.Records;
        while (!records.IsEmpty)
        {
            int count = 1;
            while (count < records.Length && records[count].Step == records[0].Step)
            {
                count++;
            }

            if (TryReadStep(records[..count], job.Ranks.Count, receiverOf, evenUnits, unitSeconds, out double transfer))
            {
                rehearsal.Add(unitSeconds);
                stepSeconds.AddRange(unitSeconds.Select(seconds => seconds * evenUnits));
                transfers.Add(transfer);
            }

            records = records[count..];
        }

        if (transfers.Count == 0)
        {
            return (null, "no step was recorded by every rank");
        }

        transfers.Sort();
        BackupWorkerDecision backup = BackupWorkerGate.Judge(new BackupWorkerEvidence
        {
            Workers = replicas.Length,
            StepSeconds = stepSeconds.ToArray(),
            MicroBatchesPerWorker = Math.Max(1, microBatches / replicas.Length),
            CommunicationSeconds = transfers[transfers.Count / 2],
        });
        return (new DealWhatIf(microBatches, replicas.Length, rehearsal.Outcome(), backup), null);
    }

    private static bool TryReadStep(
        ReadOnlySpan<RecordedStep> step, int ranks, int[] receiverOf, double evenUnits, double[] unitSeconds, out double transferSeconds)
    {
        transferSeconds = 0;
        if (step.Length != ranks)
        {
            return false;
        }

        Array.Clear(unitSeconds);
        long transferNs = long.MaxValue;
        foreach (ref readonly RecordedStep record in step)
        {
            if (record.ComputeNs == 0 || record.MicroBatches == 0)
            {
                return false;
            }

            double units = record.MicroBatches > 0 ? record.MicroBatches : evenUnits;
            ref double slowest = ref unitSeconds[receiverOf[record.Rank]];
            slowest = Math.Max(slowest, record.ComputeNs * 1e-9 / units);
            transferNs = Math.Min(transferNs, record.CollectiveNs);
        }

        transferSeconds = transferNs * 1e-9;
        return true;
    }
}
