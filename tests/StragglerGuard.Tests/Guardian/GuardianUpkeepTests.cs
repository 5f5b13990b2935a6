using System.Collections.Concurrent;
using System.Threading.Channels;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Tests.Guardian;

/// <summary>What a guardian that runs for months meets: late and silent ranks, jobs that come and go, mistakes, a ledger begun anew.</summary>
public sealed class GuardianUpkeepTests
{
    private const long MicroBatchNs = 10_000_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly JobId Job = new("job");

    [Fact]
    public async Task Report_WithMoreStepsThanTheHorizon_ClosesNoFrameOverARankOfTheSameReport()
    {
        await using var guarded = new Guarded();

        guarded.Report(Node(Job, 0, 0, 200, left: false, 4, 4));
        await guarded.Guardian.DisposeAsync();

        FrameCounters frames = guarded.Guardian.Status(Job)!.Frames;
        frames.CompleteFrames.Should().Be(200);
        frames.Late.Should().Be(0);
        frames.IncompleteFrames.Should().Be(0);
    }

    [Fact]
    public async Task Job_OfWhichARankNeverReports_HoldsNoMoreFramesThanTheHorizon()
    {
        await using var guarded = new Guarded();

        for (int from = 0; from < 1_000; from += 100)
        {
            NodeReport both = Node(Job, 0, from, from + 100, left: false, 4, 4);
            guarded.Report(both with { Ranks = [both.Ranks[0]] });
        }

        await guarded.Guardian.DisposeAsync();
        JobStatus status = guarded.Guardian.Status(Job)!;
        status.Frames.IncompleteFrames.Should().BeGreaterThan(900, "a frame waits for the horizon and no longer");
        status.PolicyReason.Should().Be("1 of 2 ranks have reported");
    }

    [Fact]
    public async Task JobEnded_AwaitedBeforeTheFirstReport_ComesWithTheLast()
    {
        await using var guarded = new Guarded();
        Task<bool> ended = guarded.Guardian.JobEndedAsync(Job, Patience);

        guarded.Report(Node(Job, 0, 0, 5, left: true, 4, 4));

        (await ended).Should().BeTrue();
        guarded.Guardian.Status(Job)!.LastStep.Should().Be(4);
    }

    [Fact]
    public async Task JobEnded_WhereANewGenerationBegins_WaitsForThatOne()
    {
        await using var guarded = new Guarded();
        Task<bool> ended = guarded.Guardian.JobEndedAsync(Job, Patience);
        guarded.Report(Node(Job, 0, 0, 5, left: false, 4, 4));
        guarded.Report(Node(Job, 1, 0, 3, left: false, 4, 4));
        Task<bool> other = guarded.Guardian.JobEndedAsync(new JobId("other"), Patience);
        guarded.Report(Node(new JobId("other"), 0, 0, 1, left: true, 4, 4));
        (await other).Should().BeTrue();
        ended.IsCompleted.Should().BeFalse("the job goes on");

        guarded.Report(Node(Job, 1, 3, 4, left: true, 4, 4));

        (await ended).Should().BeTrue();
        guarded.Guardian.Status(Job)!.Generation.Should().Be(new Generation(1));
    }

    [Fact]
    public async Task HasEnded_OfAJob_IsSoOnceAllRanksHaveLeftAndUntilItGoesOn()
    {
        await using var guarded = new Guarded();
        guarded.Guardian.HasEnded(Job).Should().BeFalse("nobody has heard of it");
        guarded.Report(Node(Job, 0, 0, 5, left: false, 4, 4));
        guarded.Report(Node(Job, 0, 5, 6, left: true, 4, 4));
        (await guarded.Guardian.JobEndedAsync(Job, Patience)).Should().BeTrue();
        guarded.Guardian.HasEnded(Job).Should().BeTrue();

        guarded.Report(Node(Job, 1, 0, 3, left: false, 4, 4));
        await guarded.Guardian.DisposeAsync();

        guarded.Guardian.HasEnded(Job).Should().BeFalse("another generation has begun");
        guarded.Guardian.HasEnded(new JobId("other")).Should().BeFalse();
    }

    [Fact]
    public async Task Status_OfAJobThatIsReadInParts_HasEveryRankThatReportedInOrder()
    {
        const int Ranks = 2_500;
        await using var guarded = new Guarded();
        int[] heard = [0, 1_023, 1_024, 2_047, 2_499];
        foreach (int rank in heard.Reverse())
        {
            RankReport one = Node(Job, 0, 0, 1, left: false, 4, 4).Ranks[0];
            RankEnrollment place = one.Enrollment with { Rank = new Rank(rank), WorldSize = Ranks, Slot = rank, Slots = Ranks, TotalMicroBatches = Ranks };
            guarded.Report(new NodeReport(new NodeId($"node {rank}"), 1, 0, [one with { Enrollment = place, Timings = default }]));
        }

        await guarded.Guardian.DisposeAsync();

        JobStatus status = guarded.Guardian.Status(Job)!;
        status.Ranks.Select(rank => rank.Rank.Value).Should().Equal(heard);
        status.PolicyReason.Should().Be("no step judged yet");
    }

    [Fact]
    public async Task Jobs_ThatEnded_AreForgottenButForTheLast16()
    {
        await using var guarded = new Guarded();

        for (int i = 0; i < 40; i++)
        {
            guarded.Report(Node(new JobId($"job {i}"), 0, 0, 2, left: true, 4, 4));
        }

        await guarded.Guardian.DisposeAsync();
        Enumerable.Range(0, 40).Where(i => guarded.Guardian.Status(new JobId($"job {i}")) is not null)
            .Should().Equal(Enumerable.Range(24, 16));
    }

    [Fact]
    public async Task Jobs_BeyondTheMost_AreForgottenFromTheOneSilentLongest()
    {
        await using var guarded = new Guarded();

        for (int i = 0; i < 1_030; i++)
        {
            guarded.Report(Node(new JobId($"job {i}"), 0, 0, 1, left: false, 4));
        }

        await guarded.Guardian.DisposeAsync();
        Enumerable.Range(0, 1_030).Count(i => guarded.Guardian.Status(new JobId($"job {i}")) is not null).Should().Be(1_024);
        guarded.Guardian.Status(new JobId("job 0")).Should().BeNull();
        guarded.Guardian.Status(new JobId("job 1029")).Should().NotBeNull();
    }

    [Fact]
    public async Task Listener_ThatThrows_EndsNoGuard()
    {
        await using var guarded = new Guarded(PolicyMode.Act);
        guarded.Guardian.Decided += _ => throw new InvalidOperationException("no paper left");

        guarded.Report(Node(Job, 0, 0, 20, left: false, 4, 8));
        guarded.Report(Node(Job, 0, 20, 21, left: true, 4, 8));

        (await guarded.Guardian.JobEndedAsync(Job, Patience)).Should().BeTrue();
        guarded.Guardian.LastFault.Should().Be("a listener to decisions failed: no paper left");
        guarded.Guardian.Status(Job)!.LastStep.Should().Be(20);
    }

    [Fact]
    public async Task Mistake_InJudgingOneJob_LeavesTheOthersGuarded()
    {
        await using var guarded = new Guarded(PolicyMode.Act, new LedgerThatFailsFor(Job));
        var other = new JobId("other");

        guarded.Report(Node(Job, 0, 0, 40, left: false, 4, 8));
        guarded.Report(Node(Job, 0, 40, 41, left: false, 4, 8));
        guarded.Report(Node(other, 0, 0, 40, left: true, 4, 8));

        (await guarded.Guardian.JobEndedAsync(other, Patience)).Should().BeTrue();
        guarded.Guardian.Status(Job)!.PolicyReason.Should().Be("judged no longer: IOException: the disk is full");
        guarded.Guardian.LastFault.Should().Be("job is judged no longer: IOException: the disk is full");
        guarded.Guardian.ReportsRefused.Should().Be(2, "both ranks of the report that came after the fault");
        guarded.Guardian.Status(other)!.Plans.Should().ContainSingle();
    }

    /// <summary>However far behind it is: at once, not a number a review.</summary>
    [Fact]
    public async Task Ledger_BegunAnewFarBehindARunningJob_IsBroughtLevelInOneGo()
    {
        await using var guarded = new Guarded(PolicyMode.Act);

        guarded.Report(Node(Job, 0, 0, 40, left: true, 4, 8, epoch: 300));
        (await guarded.Guardian.JobEndedAsync(Job, Patience)).Should().BeTrue();

        guarded.Guardian.Status(Job)!.Plans.Should().ContainSingle().Which.Deal.Epoch.Should().Be(new PlanEpoch(301));
        IReadOnlyList<LedgerEntry> entries = guarded.Ledger.Read();
        entries.Skip(1).Take(299).Should().OnlyContain(entry => entry.Decision is NumberSkipped);
        entries.Skip(2).Take(299).Select(entry => entry.Decision.Step).Distinct().Should().ContainSingle("all are given up for the one plan");
    }

    [Fact]
    public async Task Ledger_BegunAnewUnderARunningJob_IsBroughtLevelWithThePlanInForce()
    {
        await using var guarded = new Guarded(PolicyMode.Act);

        guarded.Report(Node(Job, 0, 0, 40, left: true, 4, 8, epoch: 5));
        (await guarded.Guardian.JobEndedAsync(Job, Patience)).Should().BeTrue();

        guarded.Guardian.Status(Job)!.Plans.Should().ContainSingle().Which.Deal.Epoch.Should().Be(new PlanEpoch(6));
        guarded.Ledger.Read().Select(entry => entry.Decision.GetType()).Take(6).Should().Equal(
            typeof(GuardianTookOver), typeof(NumberSkipped), typeof(NumberSkipped), typeof(NumberSkipped), typeof(NumberSkipped), typeof(PlanDecided));
        guarded.Ledger.Read()[1].Decision.Reason.Should().StartWith(
            "Entry 5 was seen outside of the ledger, which ends at entry 1: entries 2 to 5, or some of them, are lost.");
        guarded.Guardian.LastFault.Should().StartWith("job: Entry 5 was seen outside of the ledger");
        guarded.Guardian.Status(Job)!.PolicyReason.Should().Contain("Entry 5 was seen outside of the ledger");
        guarded.Offers.Should().NotBeEmpty();
        guarded.Offers.Should().OnlyContain(offer => offer.Plan.Epoch == new PlanEpoch(6));
    }

    [Fact]
    public async Task Plan_OfAnEpochOutOfAllReason_FillsNoLedger()
    {
        await using var guarded = new Guarded(PolicyMode.Act);

        guarded.Report(Node(Job, 0, 0, 40, left: true, 4, 8, epoch: 1L << 40));
        (await guarded.Guardian.JobEndedAsync(Job, Patience)).Should().BeTrue();

        guarded.Ledger.Findings().Should().ContainSingle("it is told, once").Which.Decision.Should().BeOfType<NumberSkipped>();
    }

    [Fact]
    public async Task Job_ThatEndedBeforeItsPlanWasInForce_IsOfferedItNoMore()
    {
        await using var guarded = new Guarded(PolicyMode.Act);
        guarded.Report(Node(Job, 0, 0, 40, left: true, 4, 8));
        (await guarded.Guardian.JobEndedAsync(Job, Patience)).Should().BeTrue();
        int offered = guarded.Offers.Count;

        // The tick that offers this one's plan again would have offered the first one's, too.
        var other = new JobId("other");
        guarded.Report(Node(other, 0, 0, 40, left: false, 4, 8));
        await guarded.OfferedAgain(other, times: 3);

        guarded.Offers.Count(offer => offer.Job == Job).Should().Be(offered);
    }

    [Fact]
    public void Mode_SetFromAStep_OverridesWhatWasSaidOfLaterSteps()
    {
        var modes = new ModeSchedule(PolicyMode.Advise);
        modes.Set(PolicyMode.Act, fromStep: 60);
        modes.At(59).Should().Be(PolicyMode.Advise);
        modes.At(60).Should().Be(PolicyMode.Act);

        modes.Set(PolicyMode.Observe, fromStep: 0);

        modes.At(0).Should().Be(PolicyMode.Observe);
        modes.At(1_000).Should().Be(PolicyMode.Observe, "who calls the guard back is obeyed");
    }

    /// <summary>What one node with all ranks of a job says of some steps; each rank takes as many times 10 ms for a unit as its number here.</summary>
    private static NodeReport Node(JobId job, int generation, int from, int to, bool left, int pace0, int? pace1 = null, long epoch = 0)
    {
        int[] paces = pace1 is { } second ? [pace0, second] : [pace0, pace0];
        return new NodeReport(new NodeId("node"), 1, 0, [.. paces.Select((pace, rank) => new RankReport(
            new RankEnrollment(
                job, new Generation(generation), new Rank(rank), paces.Length, new WorkerId(new NodeId("node"), $"GPU-{rank}"),
                new DeviceClass($"class {rank}"), Stage: 0, TotalMicroBatches: 12, MicroBatchesMin: 1, MicroBatchesMax: 12),
            Enumerable.Range(from, to - from).Select(step => Timing(generation, rank, step, pace, paces.Max(), epoch)).ToArray(),
            Lost: 0, Torn: 0, SplitVotes: 0, left))]);
    }

    private static StepTiming Timing(int generation, int rank, long step, int pace, int slowest, long epoch)
    {
        long startNs = step * slowest * 6 * MicroBatchNs;
        return new StepTiming
        {
            Generation = new Generation(generation),
            Rank = new Rank(rank),
            Step = step,
            StartNs = startNs,
            ComputeNs = pace * 6 * MicroBatchNs,
            ArrivalNs = startNs + (pace * 6 * MicroBatchNs),
            DepartureNs = startNs + (slowest * 6 * MicroBatchNs),
            WorkUnits = 6,
            Weight = 6,
            Epoch = new PlanEpoch(epoch),
        };
    }

    private sealed class Guarded : IAsyncDisposable
    {
        private readonly HandFabric _fabric = new();
        private readonly GuardInstruments _instruments = new();

        public Guarded(PolicyMode mode = PolicyMode.Observe, IDecisionLedger? ledger = null)
        {
            Ledger = ledger ?? new InMemoryLedger();
            Guardian = new GuardianService(_fabric, Ledger, new StragglerGuardOptions { Mode = mode }, _instruments);
        }

        public IDecisionLedger Ledger { get; }

        public GuardianService Guardian { get; }

        public ConcurrentQueue<OfferedPlan> Offers => _fabric.Offers;

        public void Report(NodeReport report) => _fabric.Reports.Writer.TryWrite(report).Should().BeTrue();

        public async Task OfferedAgain(JobId job, int times)
        {
            using var limit = new CancellationTokenSource(Patience);
            while (_fabric.Offers.Count(offer => offer.Job == job) < times)
            {
                await _fabric.Offered.WaitAsync(limit.Token);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await Guardian.DisposeAsync();
            _instruments.Dispose();
        }
    }

    private sealed class HandFabric : IGuardianFabric, IGuardianPort
    {
        public Channel<NodeReport> Reports { get; } = Channel.CreateUnbounded<NodeReport>();

        public ConcurrentQueue<OfferedPlan> Offers { get; } = new();

        public SemaphoreSlim Offered { get; } = new(0);

        ChannelReader<NodeReport> IGuardianPort.Reports => Reports.Reader;

        public long ReportsDropped => 0;

        public bool IsLeader => true;

        public IGuardianPort OpenGuardian() => this;

        public void Offer(OfferedPlan offer, IReadOnlySet<NodeId> nodes)
        {
            Offers.Enqueue(offer);
            Offered.Release();
        }

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class LedgerThatFailsFor(JobId job) : IDecisionLedger
    {
        private readonly InMemoryLedger _ledger = new();

        public long LastSequence => _ledger.LastSequence;

        public AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision) =>
            decision.Job == job && decision is not GuardianTookOver ? throw new IOException("the disk is full") : _ledger.Append(expectedSequence, at, decision);

        public IReadOnlyList<LedgerEntry> Read(long fromSequence = 1, int entriesMax = int.MaxValue) => _ledger.Read(fromSequence, entriesMax);

        public IReadOnlyList<LedgerEntry> ReadJob(JobId of) => _ledger.ReadJob(of);
    }
}
