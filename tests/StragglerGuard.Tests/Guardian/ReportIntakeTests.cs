using StragglerGuard.Core;
using StragglerGuard.Collectives;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.Tests.Guardian;

public sealed class ReportIntakeTests : IDisposable
{
    private readonly GuardInstruments _instruments = new();
    private readonly TestFabric _fabric = new();
    private readonly IGuardianPort _port;
    private readonly JobRoster _roster;
    private readonly ReportIntake _intake;
    private readonly List<string> _faults = [];

    public ReportIntakeTests()
    {
        var options = new StragglerGuardOptions { Mode = PolicyMode.Act };
        var ledger = new InMemoryLedger();
        _port = _fabric.OpenGuardian();
        _roster = new JobRoster(options, _instruments, _faults.Add);
        _intake = new ReportIntake(
            _roster, new Commitments(_port, ledger, _roster, options.Ledger.Modes, actuations: null, _faults.Add), ledger, _faults.Add);
    }

    public void Dispose()
    {
        _port.Dispose();
        _instruments.Dispose();
    }

    [Fact]
    public void Report_ThatEndsNoStep_AllocatesNothing()
    {
        // One rank of the job is silent, and the step is always the same: only the way itself is left.
        NodeReport report = MostOf(step: 0);
        for (int warmUp = 0; warmUp < 500; warmUp++)
        {
            _intake.Take(report, nowNs: warmUp, observerComplaint: null);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int again = 0; again < 100; again++)
        {
            _intake.Take(report, nowNs: again, observerComplaint: null);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
        _intake.Heard.Should().ContainSingle();
    }

    [Fact]
    public void Report_OfSeveralJobs_ReachesEach()
    {
        NodeReport report = MostOf(step: 0);
        RankReport other = report.Ranks[0] with { Enrollment = Reports.Enrollment(job: "other") };

        int refused = _intake.Take(
            report with { Ranks = [report.Ranks[0], other, report.Ranks[1], other with { Enrollment = other.Enrollment with { Rank = new Rank(9) } }] },
            nowNs: 7, observerComplaint: null);

        refused.Should().Be(1, "a job of two ranks has no rank 9");
        _intake.Heard.Select(job => job.Judge.Job.Value).Should().Equal("job", "other");
        _intake.Heard.Should().OnlyContain(job => job.HeardNs == 7);
        _roster.Find(Reports.Job)!.Judge.Status().Frames.Accepted.Should().Be(2);
        _roster.Find(new JobId("other"))!.Judge.Status().Frames.Accepted.Should().Be(1);
    }

    [Fact]
    public void Report_AfterAnotherGenerationsRank_FindsTheJobAsItIsNow()
    {
        NodeReport report = MostOf(step: 0);
        RankReport newer = report.Ranks[1] with { Enrollment = report.Ranks[1].Enrollment with { Generation = new Generation(1) }, Timings = default };

        int refused = _intake.Take(report with { Ranks = [report.Ranks[0], newer, report.Ranks[2]] }, nowNs: 1, observerComplaint: null);

        refused.Should().Be(1, "the third rank is still of the generation before");
        _roster.Find(Reports.Job)!.Judge.Generation.Should().Be(new Generation(1));
    }

    [Fact]
    public void Report_OfOneRankOfAMillion_TakesNoMemoryForTheOthersWindows()
    {
        NodeReport report = Of("job", RankEnrollment.WorldSizeMax, rank: 0);

        long bytes = Allocated(() => _intake.Take(report, nowNs: 1, observerComplaint: null).Should().Be(0));

        bytes.Should().BeLessThan(512L << 20, "the window of lags alone is 2 KiB a rank");
        bytes.Should().BeGreaterThan(RankEnrollment.WorldSizeMax, "the job is in the books");
        _faults.Should().BeEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Report_OfMoreStepsThanTheHorizon_OpensNoMoreFramesThanThat(bool isShuffled)
    {
        const int Ranks = 4_096;
        const int Steps = 2_000;
        const int FrameBytes = Ranks * 73;
        StepTiming[] timings = [.. Enumerable.Range(0, Steps).Select(step => Reports.Timing(1, step))];
        if (isShuffled)
        {
            new Random(5).Shuffle(timings.AsSpan(1));
        }

        NodeReport report = Of("job", Ranks, rank: 1);
        report = report with { Ranks = [report.Ranks[0] with { Timings = timings }] };

        long bytes = Allocated(() => _intake.Take(report, nowNs: 1, observerComplaint: null).Should().Be(0));

        FrameCounters frames = _roster.Find(new JobId("job"))!.Judge.Status().Frames;
        (frames.Accepted + frames.Late).Should().Be(Steps);
        bytes.Should().BeLessThan((64 + 16 + 16) * FrameBytes, "64 steps is the horizon, a quarter of it is read at once");
        _faults.Should().BeEmpty();
    }

    [Fact]
    public void Report_WhoseRanksAreNotAtTheSameStep_ClosesNoFrameOverTheOneBehind()
    {
        RankReport Said(int rank, int from) => new(
            Reports.Enrollment(rank, worldSize: 2), Enumerable.Range(from, 300 - from).Select(step => Reports.Timing(rank, step)).ToArray(),
            Lost: 0, Torn: 0, SplitVotes: 0, Left: false);

        _intake.Take(new NodeReport(new NodeId("node-a"), 1, 1, [Said(1, 0), Said(0, 0)]), nowNs: 1, observerComplaint: null);
        _intake.Take(new NodeReport(new NodeId("node-a"), 1, 1, [Said(1, 200), Said(0, 100)]), nowNs: 1, observerComplaint: null);

        FrameCounters frames = _roster.Find(Reports.Job)!.Judge.Status().Frames;
        (frames.CompleteFrames, frames.IncompleteFrames).Should().Be((300, 0));
        _faults.Should().BeEmpty();
    }

    [Fact]
    public void Ranks_OfAllJobs_AreBounded_AndTheSilentGiveWay()
    {
        const int Half = RankEnrollment.WorldSizeMax / 2;
        long nowNs = MonotonicClock.NowNs();
        _intake.Take(Of("first", Half, rank: 0), nowNs, observerComplaint: null).Should().Be(0);
        _intake.Take(Of("second", Half, rank: 0), nowNs, observerComplaint: null).Should().Be(0);

        _intake.Take(Of("third", 1, rank: 0), nowNs, observerComplaint: null).Should().Be(1);
        _intake.Take(Of("fourth", 2, rank: 0), nowNs, observerComplaint: null).Should().Be(1);

        _faults.Should().Equal(
            "third is not judged: its 1 ranks and those of the other jobs are more than 1048576");
        _intake.Take(Of("first", Half, rank: 1), nowNs - 61_000_000_000, observerComplaint: null).Should().Be(0, "that one has its room");
        _intake.Take(Of("third", 1, rank: 0), nowNs, observerComplaint: null).Should().Be(0);
        _roster.Jobs.Select(job => job.Judge.Job.Value).Should().BeEquivalentTo(["second", "third"], "the first was heard of long ago");
        _intake.Take(Of("fourth", Half, rank: 0), nowNs, observerComplaint: null).Should().Be(1);
        _faults.Should().HaveCount(2, "it is full again");
    }

    [Fact]
    public void RoomForBacklogs_IsSharedByTheJobsThatBegin()
    {
        const int Ranks = 65_536;
        _intake.Take(Of("small", 1, rank: 0), MonotonicClock.NowNs(), observerComplaint: null).Should().Be(0);
        _roster.Find(new JobId("small"))!.Judge.BacklogRecords.Should().Be(0, "its only rank has reported, and nothing of the past");
        for (int job = 0; job < 15; job++)
        {
            _intake.Take(Of($"job {job}", Ranks, rank: 0), MonotonicClock.NowNs(), observerComplaint: null).Should().Be(0);
        }

        long[] room = [.. _roster.Jobs.Skip(1).Select(job => job.Judge.BacklogRecords / Ranks)];
        room.Should().BeInDescendingOrder().And.StartWith(36L).And.OnlyContain(steps => steps >= 4);
        room.Sum().Should().BeLessThanOrEqualTo((15 * 4) + 128, "what is lent is lent once");
    }

    [Fact]
    public void Standby_OfANode_LastsAsLongAsItsReportsNameIt()
    {
        NodeReport report = MostOf(step: 0);
        var waiting = new StandbyReport(Reports.Job, Slot: 3, Slots: 4, new WorkerId(report.Node, "GPU-3"), new DeviceClass("H100"), SecondsPerUnit: null);
        _intake.Take(report with { Standby = [waiting] }, nowNs: 1, observerComplaint: null);
        StandbyBook book = _roster.Find(Reports.Job)!.Standby;
        book.Waiting.Values.Should().Equal(waiting);

        _intake.Take(MostOf(step: 1) with { Node = new NodeId("another") }, nowNs: 2, observerComplaint: null);
        book.Waiting.Values.Should().ContainSingle("another node says nothing about it");

        _intake.Take(MostOf(step: 1), nowNs: 3, observerComplaint: null);
        book.Waiting.Should().BeEmpty();
    }

    [Fact]
    public void Standby_OfNodesThatFellSilent_IsForgottenWithTheNodes()
    {
        NodeReport report = MostOf(step: 0);
        for (int i = 0; i < 4; i++)
        {
            var node = new NodeId($"node-{i}");
            var waiting = new StandbyReport(Reports.Job, Slot: i, Slots: 4, new WorkerId(node, "GPU-0"), new DeviceClass("H100"), SecondsPerUnit: null);
            _intake.Take(report with { Node = node, Ranks = i == 0 ? report.Ranks : [], Standby = [waiting] }, nowNs: 10 * i, observerComplaint: null);
        }

        _intake.NodesWithStandby.Should().Be(4);

        _intake.ForgetSilent(nowNs: 35, silentNs: 20);

        _intake.NodesWithStandby.Should().Be(2, "those of 20 and of 30 ns");
        _roster.Find(Reports.Job)!.Standby.Waiting.Keys.Should().Equal(2, 3);
    }

    [Fact]
    public void Metrics_OfALargeJob_AreWrittenInParts()
    {
        _intake.Take(MostOf(step: 0), nowNs: 1, observerComplaint: null);
        var round = new MetricsRound(_roster);
        round.Continue(untilNs: long.MaxValue).Should().BeTrue("a job that is not complete is not shown");
        _instruments.Untrack(Reports.Job).Should().BeFalse();
        const int Ranks = 200;
        for (int rank = 0; rank < Ranks; rank++)
        {
            _intake.Take(Of("large", Ranks, rank), nowNs: 2, observerComplaint: null);
        }

        int parts = 1;
        while (!round.Continue(untilNs: long.MinValue))
        {
            parts++;
        }

        parts.Should().Be(5, "64 ranks are written at once, and the other job once for itself");
        _instruments.Untrack(new JobId("large")).Should().BeTrue("it is shown");
        _faults.Should().BeEmpty();
    }

    [Fact]
    public void Metrics_OfAJobThatRegroupsMeanwhile_AreTheNewGenerationsOnly()
    {
        const int Ranks = 200;
        for (int rank = 0; rank < Ranks; rank++)
        {
            _intake.Take(Of("large", Ranks, rank), nowNs: 1, observerComplaint: null);
        }

        var round = new MetricsRound(_roster);
        round.Continue(untilNs: long.MinValue).Should().BeFalse();
        NodeReport newer = Of("large", Ranks, rank: 0);
        newer = newer with
        {
            Ranks = [newer.Ranks[0] with { Enrollment = newer.Ranks[0].Enrollment with { Generation = new Generation(1) }, Timings = default }],
        };
        _intake.Take(newer, nowNs: 2, observerComplaint: null).Should().Be(0);
        _instruments.Untrack(new JobId("large")).Should().BeTrue("the first part has shown it");

        round.Continue(untilNs: long.MaxValue).Should().BeTrue();

        _instruments.Untrack(new JobId("large")).Should().BeFalse("of the new generation one rank has reported");
    }

    [Fact]
    public void Job_ThatIsNew_IsTriedOnceAReportWhileTheLedgerCanNotBeRead()
    {
        var ledger = new SilentLedger();
        ReportIntake intake = IntakeWith(ledger);
        ledger.IsSilent = true;

        NodeReport report = MostOf(step: 0);
        report = report with { Ranks = [.. report.Ranks, report.Ranks[0] with { Enrollment = Reports.Enrollment(job: "other") }] };

        intake.Take(report, nowNs: 1, observerComplaint: null).Should().Be(4);
        intake.Take(report, nowNs: 1, observerComplaint: null).Should().Be(4);

        ledger.Reads.Should().Be(2, "one a report, and that was quick");
        _faults.Should().Equal("job can't be judged: nobody answers");
    }

    [Fact]
    public void Job_ThatIsNew_WaitsNineTimesAsLongAsTheLedgerLastKeptItsReaderWaiting()
    {
        var ledger = new SilentLedger();
        ReportIntake intake = IntakeWith(ledger);
        intake.Take(Of("known", 2, rank: 0), nowNs: 1, observerComplaint: null).Should().Be(0);
        (ledger.IsSilent, ledger.AnswerNs) = (true, 2_000_000_000);
        int before = ledger.Reads;

        for (int again = 0; again < 10; again++)
        {
            intake.Take(Of($"new {again}", 2, rank: 0), nowNs: 1, observerComplaint: null).Should().Be(1);
            intake.Take(Of("known", 2, rank: 1), nowNs: 1, observerComplaint: null).Should().Be(0, "that one needs no ledger");
        }

        (ledger.Reads - before).Should().Be(1);
        ledger.NowNs += (9 * 2_000_000_000L) - 1;
        intake.Take(Of("new 0", 2, rank: 0), nowNs: 1, observerComplaint: null).Should().Be(1);
        (ledger.Reads - before).Should().Be(1, "the pause is not over");
        ledger.NowNs++;
        ledger.IsSilent = false;
        intake.Take(Of("new 0", 2, rank: 0), nowNs: 1, observerComplaint: null).Should().Be(0);
        intake.Take(Of("new 1", 2, rank: 0), nowNs: 1, observerComplaint: null).Should().Be(0, "it answers, however slowly");
    }

    private ReportIntake IntakeWith(SilentLedger ledger) => new(
        _roster, new Commitments(_port, ledger, _roster, new LedgerSection().Modes, actuations: null, _faults.Add), ledger, _faults.Add,
        () => ledger.NowNs);

    private static long Allocated(Action part)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        part();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    /// <summary>Three ranks of four.</summary>
    private static NodeReport MostOf(long step) => new(
        new NodeId("node-a"), Sequence: 1, SentNs: 1,
        [.. Enumerable.Range(0, 3).Select(rank => new RankReport(
            Reports.Enrollment(rank, worldSize: 4), new[] { Reports.Timing(rank, step) }, Lost: 0, Torn: 0, SplitVotes: 0, Left: false))]);

    private static NodeReport Of(string job, int ranks, int rank) => new(
        new NodeId($"node-{rank}"), Sequence: 1, SentNs: 1,
        [
            new RankReport(
                Reports.Enrollment(rank, ranks, total: ranks, job: job), new[] { Reports.Timing(rank, 0) },
                Lost: 0, Torn: 0, SplitVotes: 0, Left: false),
        ]);

    /// <summary>A ledger whose answers take their time, of a clock of its own.</summary>
    private sealed class SilentLedger : IDecisionLedger
    {
        private readonly InMemoryLedger _entries = new();

        public bool IsSilent { get; set; }

        public long AnswerNs { get; set; }

        public long NowNs { get; set; }

        public int Reads { get; private set; }

        public long LastSequence => _entries.LastSequence;

        public AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision) =>
            _entries.Append(expectedSequence, at, decision);

        public IReadOnlyList<LedgerEntry> Read(long fromSequence = 1) => Answer(() => _entries.Read(fromSequence));

        public IReadOnlyList<LedgerEntry> Read(long fromSequence, int entriesMax) => Answer(() => _entries.Read(fromSequence, entriesMax));

        public IReadOnlyList<LedgerEntry> ReadJob(JobId job) => Answer(() => _entries.ReadJob(job));

        private IReadOnlyList<LedgerEntry> Answer(Func<IReadOnlyList<LedgerEntry>> read)
        {
            Reads++;
            NowNs += AnswerNs;
            return IsSilent ? throw new LedgerException("nobody answers") : read();
        }
    }
}
