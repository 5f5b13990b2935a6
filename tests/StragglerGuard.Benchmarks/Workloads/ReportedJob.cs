using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.Benchmarks.Workloads;

/// <summary>A healthy job as its guardian hears of it: a report a rank with the records of several steps; plans are obeyed.</summary>
internal sealed class ReportedJob
{
    private const int MicroBatchesPerRank = 8;
    private const double NsPerUnit = 20e6;
    private const long TransferNs = 400_000;
    private const long UpdateNs = 2_000_000;
    private const long SkewNs = 20_000;
    private const long ClockOffsetNs = 1_000_000_007;

    private readonly StepTiming[] _records;
    private readonly StepTiming[] _copied;
    private readonly RankReport[] _reports;
    private readonly JobJudge _judge;
    private readonly JobJudge.Commitment _commit;
    private readonly PaceNoise _noise = new();
    private readonly int _ranks;
    private readonly int _stepsPerReport;
    private MicroBatchDeal _deal;
    private long _departureNs;
    private long _step;
    private long _sequence;

    /// <summary>Enrols all ranks with a guardian that may act.</summary>
    public ReportedJob(int ranks, int stepsPerReport)
    {
        _ranks = ranks;
        _stepsPerReport = stepsPerReport;
        _records = new StepTiming[ranks * stepsPerReport];
        _copied = new StepTiming[_records.Length];
        _deal = MicroBatchDeal.Even(ranks * MicroBatchesPerRank, ranks);
        RankEnrollment[] members = [.. Enumerable.Range(0, ranks).Select(Enrollment)];
        _reports = [.. members.Select((member, rank) => new RankReport(
            member, _records.AsMemory(rank * stepsPerReport, stepsPerReport), Lost: 0, Torn: 0, SplitVotes: 0, Left: false))];
        _judge = new JobJudge(members[0], new ModeSchedule(PolicyMode.Act), new StragglerGuardOptions());
        _commit = Commit;
        foreach (RankEnrollment member in members)
        {
            _judge.Enroll(member);
        }

        ProbeSkew(members);
    }

    /// <summary>Bytes of a record as the guardian holds it.</summary>
    public static unsafe int RecordBytes => sizeof(StepTiming);

    /// <summary>Writes the records of the steps that follow.</summary>
    public void Advance()
    {
        for (int offset = 0; offset < _stepsPerReport; offset++, _step++)
        {
            long lastArrivalNs = 0;
            for (int rank = 0; rank < _ranks; rank++)
            {
                int units = _deal.Count(new Rank(rank));
                long startNs = _departureNs + (long)(UpdateNs * _noise.Next());
                long computeNs = (long)(NsPerUnit * units * _noise.Next());
                lastArrivalNs = Math.Max(lastArrivalNs, startNs + computeNs);
                _records[(rank * _stepsPerReport) + offset] = new StepTiming
                {
                    Step = _step,
                    Rank = new Rank(rank),
                    StartNs = startNs,
                    ComputeNs = computeNs,
                    ArrivalNs = startNs + computeNs,
                    WorkUnits = units,
                    Weight = units,
                    Epoch = _deal.Epoch,
                };
            }

            _departureNs = lastArrivalNs + TransferNs;
            for (int rank = 0; rank < _ranks; rank++)
            {
                ref StepTiming record = ref _records[(rank * _stepsPerReport) + offset];
                record = OnOwnClock(record with { DepartureNs = _departureNs });
            }
        }
    }

    /// <summary>Hands all reports to the guardian: it judges as many frames as a report has steps.</summary>
    public void Judge()
    {
        foreach (RankReport report in _reports)
        {
            _judge.Add(report);
        }

        _judge.JudgeFrames(observerComplaint: null, _commit);
    }

    /// <summary>Copies all records.</summary>
    public void CopyRecords() => _records.AsSpan().CopyTo(_copied);

    /// <exception cref="InvalidOperationException">Steps or their lags were not judged: what was timed is not what was meant.</exception>
    public void ThrowUnlessJudged()
    {
        JobStatus status = _judge.Status();
        if (status.LastStep != _step - 1 || status.Ranks.All(rank => rank.LagP50Seconds is null))
        {
            throw new InvalidOperationException($"The guardian judged up to step {status.LastStep}, not {_step - 1}, or no lags.");
        }
    }

    /// <summary>Without a measured exit skew no lag would be judged.</summary>
    private void ProbeSkew(RankEnrollment[] members)
    {
        for (int rank = 0; rank < _ranks; rank++)
        {
            StepTiming[] probe =
            [
                new StepTiming { Kind = TimingKind.SkewProbe, Rank = new Rank(rank), DepartureNs = (long)(SkewNs * _noise.Next()) },
            ];
            _judge.Add(_reports[rank] with { Timings = probe });
        }
    }

    /// <summary>No two ranks' clocks agree.</summary>
    private static StepTiming OnOwnClock(in StepTiming timing)
    {
        long offsetNs = timing.Rank.Value * ClockOffsetNs;
        return timing with
        {
            StartNs = timing.StartNs + offsetNs,
            ArrivalNs = timing.ArrivalNs + offsetNs,
            DepartureNs = timing.DepartureNs + offsetNs,
        };
    }

    private RankEnrollment Enrollment(int rank) => new(
        new JobId("job"), new Generation(0), new Rank(rank), _ranks, new WorkerId(new NodeId($"node-{rank / 8}"), $"device-{rank % 8}"),
        new DeviceClass("H100"), Stage: 0, _ranks * MicroBatchesPerRank, MicroBatchesMin: 1, MicroBatchesMax: 2 * MicroBatchesPerRank);

    private LedgerEntry? Commit(Func<long, LedgerDecision?> decide)
    {
        while (decide(_sequence + 1) is { } decision)
        {
            _sequence++;
            if (decision is PlanDecided plan)
            {
                _deal = plan.Plan.Deal;
            }

            if (decision is not NumberSkipped)
            {
                return new LedgerEntry(_sequence, DateTimeOffset.UnixEpoch, decision);
            }
        }

        return null;
    }
}
