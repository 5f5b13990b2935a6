using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.Replay;

/// <summary>Feeds a recorded job through the engine that judges live ones, in virtual time.</summary>
/// <remarks>
/// Records become reports as an agent sends them, step by step. Every rank's clock is made up from its own records: waiting for data, then computing, then the
/// collective. The exit skew, which live ranks measure with barriers, is estimated from the records. Where the units of work were not recorded the deal is taken as
/// even; a log of the whole job is a job of one rank. The guard only observes: a recording can't follow a plan.
/// </remarks>
public static class JobReplay
{
    /// <summary>Judges a recorded job.</summary>
    /// <param name="job">The job.</param>
    /// <param name="options">The guard's options; the defaults where left out. The mode is always observe.</param>
    public static ReplayResult Run(RecordedJob job, StragglerGuardOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(job);
        var run = new VirtualRun(job, (options ?? new StragglerGuardOptions()) with { Mode = PolicyMode.Observe });
        return run.Judge();
    }

    /// <summary>The even deal of a recording without units of work: large enough that speeds per unit keep their digits.</summary>
    internal const int UnitsAssumed = 8;

    private sealed class VirtualRun
    {
        private readonly RecordedJob _job;
        private readonly RankEnrollment[] _enrollments;
        private readonly JobJudge _judge;
        private readonly RecordedSkew _skew = new();
        private readonly StepTiming[] _one = new StepTiming[1];
        private long _nowNs;
        private long _probes;
        private long _decisions;

        public VirtualRun(RecordedJob job, StragglerGuardOptions options)
        {
            _job = job;
            int ranks = job.Ranks.Count;
            int total = job.HasMicroBatches ? Math.Max(ranks, RecordedTotal(job)) : UnitsAssumed * ranks;
            var node = new NodeId("recorded");
            _enrollments = [.. job.Ranks.Select((rank, place) => new RankEnrollment(
                new JobId(job.Name), new Generation(0), new Rank(place), ranks,
                new WorkerId(node, FormattableString.Invariant($"{rank.DeviceClass}-{rank.Number}")), new DeviceClass(rank.DeviceClass), rank.Stage,
                total, MicroBatchesMin: 1, MicroBatchesMax: total))];
            _judge = new JobJudge(_enrollments[0], new ModeSchedule(options.Mode), options);
            foreach (RankEnrollment enrollment in _enrollments)
            {
                _judge.Enroll(enrollment);
            }
        }

        public ReplayResult Judge()
        {
            ReadOnlySpan<RecordedStep> records = _job.Records;
            while (!records.IsEmpty)
            {
                int count = 1;
                while (count < records.Length && records[count].Step == records[0].Step)
                {
                    count++;
                }

                Play(records[..count]);
                records = records[count..];
            }

            foreach (RankEnrollment enrollment in _enrollments)
            {
                _judge.Add(new RankReport(enrollment, default, 0, 0, 0, Left: true));
            }

            _judge.JudgeFrames(observerComplaint: null, Decide);
            return ReplayTranscript.Of(_job, _judge.Status());
        }

        private void Play(ReadOnlySpan<RecordedStep> step)
        {
            long startNs = _nowNs;
            foreach (ref readonly RecordedStep record in step)
            {
                long arrivalNs = startNs + record.DataWaitNs + record.ComputeNs;
                int units = record.MicroBatches >= 0 ? record.MicroBatches : UnitsAssumed;
                _one[0] = new StepTiming
                {
                    Step = record.Step,
                    Rank = new Rank(record.Rank),
                    StartNs = startNs,
                    ComputeNs = record.ComputeNs,
                    DataWaitNs = record.DataWaitNs,
                    ArrivalNs = arrivalNs,
                    DepartureNs = arrivalNs + record.CollectiveNs,
                    WorkUnits = units,
                    Weight = record.Tokens > 0 ? record.Tokens : record.Samples > 0 ? record.Samples : units,
                    WorkloadFeature = record.Tokens,
                };
                _nowNs = Math.Max(_nowNs, _one[0].DepartureNs);
                Report(record.Rank);
            }

            _judge.JudgeFrames(observerComplaint: null, Decide);

            // Eleven days a step at most, but a file may hold millions: time starts again long before it overflows.
            _nowNs = _nowNs > long.MaxValue / 2 ? 0 : _nowNs;
            if (_job.HasCollectives && step.Length == _enrollments.Length && step.Length > 1 && _skew.Add(step) is { } skewNs)
            {
                Probe(skewNs);
            }
        }

        /// <summary>What the ranks would have reported of two barriers, the second of which they left this far apart.</summary>
        private void Probe(long skewNs)
        {
            for (int rank = 0; rank < _enrollments.Length; rank++)
            {
                _one[0] = new StepTiming
                {
                    Kind = TimingKind.SkewProbe,
                    Step = _probes,
                    Rank = new Rank(rank),
                    DepartureNs = rank == 0 ? skewNs : 0,
                };
                Report(rank);
            }

            _probes++;
        }

        private void Report(int rank) => _judge.Add(new RankReport(_enrollments[rank], _one, 0, 0, 0, Left: false));

        // A ledger that is never full and never contested; nobody reads it.
        private LedgerEntry? Decide(Func<long, LedgerDecision?> decide) => decide(_decisions + 1) is { } decision
            ? new LedgerEntry(++_decisions, Now, decision)
            : null;

        private DateTimeOffset Now => DateTimeOffset.UnixEpoch.AddTicks(_nowNs / TimeSpan.NanosecondsPerTick);

        private static int RecordedTotal(RecordedJob job)
        {
            long total = 0;
            long largest = 0;
            long step = -1;
            foreach (ref readonly RecordedStep record in job.Records)
            {
                total = record.Step == step ? total : 0;
                step = record.Step;
                total += Math.Max(0, record.MicroBatches);
                largest = Math.Max(largest, total);
            }

            return (int)Math.Min(largest, int.MaxValue);
        }
    }
}
