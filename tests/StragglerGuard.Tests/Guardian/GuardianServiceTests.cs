using System.Collections.Concurrent;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.Tests.Guardian;

public sealed class GuardianServiceTests : IAsyncLifetime, IDisposable
{
    private static readonly JobId Job = new("job");

    private readonly TestFabric _fabric = new();
    private readonly GuardInstruments _instruments = new();
    private readonly List<GuardianService> _services = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var service in _services)
        {
            await service.DisposeAsync().AsTask().WaitAsync(Patience.Limit);
        }
    }

    public void Dispose() => _instruments.Dispose();

    [Fact]
    public async Task Plan_WhenItIsOffered_StandsInTheLedgerAlready()
    {
        var ledger = new InMemoryLedger();
        var atOffer = new ConcurrentQueue<LedgerEntry?>();
        _fabric.OnOffer = offer => atOffer.Enqueue(ledger.Read().LastOrDefault(entry => entry.Sequence == offer.Plan.Epoch.Value));
        Start(ledger);

        await RunToTheEnd(Uneven());

        var offer = await _fabric.Offers.Next();
        atOffer.Should().NotBeEmpty().And.OnlyContain(entry => entry != null && entry.Decision is PlanDecided);
        offer.Plan.Should().Be(((PlanDecided)atOffer.First()!.Decision).Plan);
        offer.Generation.Should().Be(new Generation(0));
        ledger.Read().Should().ContainSingle(entry => entry.Decision is PlanDecided, "none is decided while one is pending");
    }

    [Fact]
    public async Task Plan_NotSeenInForce_IsOfferedAgainUntilItIs()
    {
        Start(new InMemoryLedger());
        var ranks = Uneven();
        _fabric.Report(ranks.ReportOfAll(1, [.. ranks.SkewProbes(), .. ranks.TakeSteps(40)]));

        var offers = await _fabric.Offers.Next(3);

        offers.Distinct().Should().ContainSingle("the same plan comes again: it may have been lost");
    }

    [Fact]
    public async Task Plan_ThatAnotherGuardianForestalled_IsNotOfferedAndTheOthersIs()
    {
        var theirs = new JobPlan(new PlanEpoch(2), default, [7, 11, 7, 7]);
        var ledger = new ContestedLedger(
            decision => decision is PlanDecided,
            number => new PlanDecided(
                Job, new Generation(0), 30, MitigationKind.Rebalance, new JobPlan(new PlanEpoch(number), default, theirs.Shares), 0.14, 0.1, "theirs"));
        GuardianService guardian = Start(ledger);
        var ranks = Uneven();
        _fabric.Report(ranks.ReportOfAll(1, [.. ranks.SkewProbes(), .. ranks.TakeSteps(80)]));

        var offers = await _fabric.Offers.Next(2);

        offers.Should().OnlyContain(offer => offer.Plan.Equals(theirs), "the pending plan is the other guardian's, who may be gone");
        ledger.Findings().Should().ContainSingle().Which.Decision.Reason.Should().Be("theirs");
        guardian.Status(Job)!.PolicyReason.Should().Contain("epoch 2 is not in force yet");
    }

    [Fact]
    public async Task Plan_ForestalledByAnotherJobsEntry_IsDecidedAnewAtTheNextStep()
    {
        var ledger = new ContestedLedger(
            decision => decision is PlanDecided,
            number => new CommonShiftSeen(new JobId("another"), new Generation(0), number, "theirs"));
        var offered = new ConcurrentQueue<PlanEpoch>();
        _fabric.OnOffer = offer => offered.Enqueue(offer.Plan.Epoch);
        Start(ledger);

        await RunToTheEnd(Uneven());

        ledger.Findings().Select(entry => entry.Decision.GetType()).Should().Equal(typeof(CommonShiftSeen), typeof(PlanDecided));
        offered.Should().NotBeEmpty().And.OnlyContain(epoch => epoch == new PlanEpoch(3), "number 2 was never ours");
    }

    [Fact]
    public async Task Finding_ForestalledByAnotherEntry_IsWrittenUnderTheNextNumber()
    {
        var ledger = new ContestedLedger(
            decision => decision is StragglerFound,
            number => new CommonShiftSeen(new JobId("another"), new Generation(0), number, "theirs"));
        Start(ledger, PolicyMode.Observe);

        await RunToTheEnd(OneSlow());

        ledger.Findings().Select(entry => entry.Decision.GetType()).Should().Equal(typeof(CommonShiftSeen), typeof(StragglerFound));
    }

    /// <summary>A split brain: both see the same reports, both want the same plan, one gets to decide.</summary>
    [Fact]
    public async Task Guardians_TwoOverOneLedger_DecideOnePlanBetweenThem()
    {
        var ledger = new InMemoryLedger();
        var others = new TestFabric();
        GuardianService first = Start(ledger);
        GuardianService second = Start(ledger, fabric: others);
        var ranks = Uneven();
        var beginning = ranks.ReportOfAll(1, [.. ranks.SkewProbes(), .. ranks.TakeSteps(4)]);
        var rest = ranks.ReportOfAll(2, ranks.TakeSteps(76), left: true);

        // Both know the job, and the ledger without a plan, before either decides.
        foreach (var (guardian, fabric) in new[] { (first, _fabric), (second, others) })
        {
            fabric.Report(beginning);
            fabric.Report(Other(new VirtualRanks(1, total: 8, 0.02, 0.02)));
            (await guardian.JobEndedAsync(new JobId("other"), Patience.Limit)).Should().BeTrue();
        }

        foreach (var (guardian, fabric) in new[] { (first, _fabric), (second, others) })
        {
            fabric.Report(rest);
            (await guardian.JobEndedAsync(Job, Patience.Limit)).Should().BeTrue();
        }

        ledger.Findings().Should().ContainSingle().Which.Decision.Should().BeOfType<PlanDecided>();
        first.Status(Job)!.PlansDecided.Should().Be(0, "the second took the job over before");
        first.Status(Job)!.PolicyReason.Should().Be(
            $"decides no longer: {second.Name} has taken job over with entry 3; the job runs on under that one");
        first.LastFault.Should().StartWith($"{first.Name} decides no longer for ");
        _fabric.Offers.TryRead(out _).Should().BeFalse("it offers nothing any more");
        second.Status(Job)!.PlansDecided.Should().Be(1);
    }

    [Fact]
    public async Task Guardian_ThatStartsAnew_TakesThePendingPlanFromTheLedger()
    {
        var ledger = new InMemoryLedger();
        var pending = new JobPlan(new PlanEpoch(2), default, [7, 11, 7, 7]);
        ledger.Append(1, DateTimeOffset.UnixEpoch, Decided(new JobPlan(new PlanEpoch(1), default, [6, 12, 7, 7])));
        ledger.Append(2, DateTimeOffset.UnixEpoch, Decided(pending));
        ledger.Append(3, DateTimeOffset.UnixEpoch, Decided(new JobPlan(new PlanEpoch(3), default, [1, 1])) with { Generation = new Generation(7) });
        GuardianService guardian = Start(ledger);
        var ranks = Uneven();
        ranks.InForce = new MicroBatchDeal(new PlanEpoch(1), [6, 12, 7, 7]);
        _fabric.Report(ranks.ReportOfAll(1, [.. ranks.SkewProbes(), .. ranks.TakeSteps(60)]));

        (await _fabric.Offers.Next()).Plan.Should().Be(pending);

        guardian.Status(Job)!.Epoch.Should().Be(new PlanEpoch(1));
        ledger.Read().Select(entry => entry.Decision).OfType<PlanDecided>().Should().HaveCount(3, "while a plan is pending no other is decided");
    }

    [Fact]
    public async Task Guardian_ThatIsNotTheLeader_DecidesAndOffersNothing()
    {
        var ledger = new InMemoryLedger();
        _fabric.IsLeader = false;
        GuardianService guardian = Start(ledger);

        await RunToTheEnd(Uneven());

        ledger.Read().Should().BeEmpty();
        _fabric.Offers.TryRead(out _).Should().BeFalse();
        guardian.Status(Job)!.PlansDecided.Should().Be(0);
    }

    [Fact]
    public async Task Decided_IsRaisedForEveryEntryInOrder()
    {
        var ledger = new InMemoryLedger();
        var heard = new ConcurrentQueue<LedgerEntry>();
        Start(ledger).Decided += heard.Enqueue;

        await RunToTheEnd(OneSlow());

        heard.Should().HaveCountGreaterThan(1).And.Equal(ledger.Read());
    }

    [Fact]
    public async Task Report_OfMoreStepsThanTheHorizon_IsJoinedWhole()
    {
        GuardianService guardian = Start(new InMemoryLedger());

        await RunToTheEnd(Uneven(), stepsPerReport: 100);

        guardian.Status(Job)!.Frames.CompleteFrames.Should().Be(200);
        guardian.Status(Job)!.Frames.Missing.Should().Be(0);
    }

    [Fact]
    public async Task JobEnded_OfAJobNotYetHeardOf_WaitsForIt()
    {
        GuardianService guardian = Start(new InMemoryLedger());
        Task<bool> ended = guardian.JobEndedAsync(Job, Patience.Limit);
        guardian.Status(Job).Should().BeNull();

        await RunToTheEnd(Uneven());

        (await ended).Should().BeTrue();
        guardian.Status(Job)!.LastStep.Should().Be(199);
    }

    [Fact]
    public async Task JobEnded_WithARankStillThere_DoesNotCome()
    {
        GuardianService guardian = Start(new InMemoryLedger());
        var ranks = Uneven();
        var records = ranks.TakeSteps(20);
        var left = ranks.ReportOfAll(1, records, left: true);
        _fabric.Report(left with { Ranks = [.. left.Ranks.Skip(1), left.Ranks[0] with { Left = false }] });
        _fabric.Report(Other(new VirtualRanks(1, total: 8, 0.02, 0.02)));
        (await guardian.JobEndedAsync(new JobId("other"), Patience.Limit)).Should().BeTrue("that one's report came after");

        (await guardian.JobEndedAsync(Job, TimeSpan.Zero)).Should().BeFalse();
        guardian.Status(Job)!.LastStep.Should().Be(19);
    }

    [Fact]
    public async Task Generation_ThatIsNewer_ReplacesTheOlderWhichIsThenRefused()
    {
        GuardianService guardian = Start(new InMemoryLedger(), PolicyMode.Observe);
        var older = Uneven();
        var newer = new VirtualRanks(2, total: 32, 0.02, 0.02) { Generation = new Generation(1) };
        _fabric.Report(older.ReportOfAll(1, older.TakeSteps(30)));
        _fabric.Report(newer.ReportOfAll(1, newer.TakeSteps(5)));
        _fabric.Report(older.ReportOfAll(2, older.TakeSteps(3), left: true));
        Task<bool> ended = guardian.JobEndedAsync(Job, Patience.Limit);
        _fabric.Report(newer.ReportOfAll(2, newer.TakeSteps(4), left: true));

        (await ended).Should().BeTrue();
        var status = guardian.Status(Job)!;
        status.Generation.Should().Be(new Generation(1));
        status.LastStep.Should().Be(8, "steps begin anew with a generation");
        status.Ranks.Should().HaveCount(2);
        guardian.ReportsRefused.Should().Be(4, "one for each rank of the older generation");
    }

    [Fact]
    public async Task Reports_ThatFitNoJob_AreRefusedAndTheOthersJudged()
    {
        GuardianService guardian = Start(new InMemoryLedger());
        var ranks = Uneven();
        var report = ranks.ReportOfAll(1, ranks.TakeSteps(10), left: true);
        var good = report.Ranks[0];
        _fabric.Report(report with { Ranks = [good with { Left = false }] });
        foreach (var enrollment in new[]
        {
            good.Enrollment with { WorldSize = 9 },
            good.Enrollment with { TotalMicroBatches = 33 },
            good.Enrollment with { Rank = new Rank(99) },
            good.Enrollment with { Job = new JobId("impossible"), TotalMicroBatches = -1 },
            good.Enrollment with { Job = new JobId("impossible"), WorldSize = int.MaxValue },
        })
        {
            _fabric.Report(report with { Ranks = [good with { Enrollment = enrollment }] });
        }

        _fabric.Report(report);

        (await guardian.JobEndedAsync(Job, Patience.Limit)).Should().BeTrue("the guardian outlives what it can't use");
        guardian.ReportsRefused.Should().Be(5);
        guardian.Status(Job)!.Frames.CompleteFrames.Should().Be(10);
        guardian.Status(new JobId("impossible")).Should().BeNull();
    }

    [Fact]
    public async Task Jobs_OfOneGuardian_AreJudgedApart()
    {
        var ledger = new InMemoryLedger();
        GuardianService guardian = Start(ledger);
        _fabric.Report(Other(new VirtualRanks(5, total: 32, 0.02, 0.02, 0.02)));

        await RunToTheEnd(Uneven());

        guardian.Status(new JobId("other"))!.LastStep.Should().Be(19);
        ledger.Findings().Should().OnlyContain(entry => entry.Decision.Job == Job);
    }

    [Fact]
    public async Task SetMode_BeforeTheJobReports_HoldsFromItsStep()
    {
        var ledger = new InMemoryLedger();
        GuardianService guardian = Start(ledger);
        guardian.SetMode(Job, PolicyMode.Observe);
        guardian.SetMode(Job, PolicyMode.Act, fromStep: 150);

        await RunToTheEnd(Uneven());

        ledger.Findings().Select(entry => entry.Decision.GetType()).Should().Equal(typeof(ModeChanged), typeof(ModeChanged), typeof(PlanDecided));
        ledger.Findings()[^1].Decision.Step.Should().Be(150);
        guardian.Invoking(g => g.SetMode(Job, PolicyMode.Act, -1)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task Report_ThatRunsIntoAMistake_EndsNoOthersGuard()
    {
        var ledger = new InMemoryLedger();
        GuardianService guardian = Start(ledger);
        _fabric.Report(new NodeReport(new NodeId("odd"), 1, 0, new Unreadable()));

        await RunToTheEnd(Uneven());

        guardian.LastFault.Should().Be("a report of odd was not judged: NotSupportedException: as no fabric makes one");
        ledger.Findings().Should().ContainSingle(entry => entry.Decision is PlanDecided);
    }

    [Fact]
    public async Task Dispose_Twice_IsQuiet()
    {
        GuardianService guardian = Start(new InMemoryLedger());

        await guardian.DisposeAsync().AsTask().WaitAsync(Patience.Limit);
        await guardian.DisposeAsync().AsTask().WaitAsync(Patience.Limit);

        (await guardian.JobEndedAsync(Job, TimeSpan.Zero)).Should().BeFalse();
    }

    private static VirtualRanks Uneven() => new(17, total: 32, 0.020, 0.010, 0.020, 0.020);

    private static VirtualRanks OneSlow() =>
        new(3, total: 30, 0.02, 0.02, 0.02, 0.02, 0.02) { Factor = (rank, step) => rank == 4 && step >= 60 ? 2 : 1 };

    private static PlanDecided Decided(JobPlan plan) => new(Job, new Generation(0), 10, MitigationKind.Rebalance, plan, 0.14, 0.1, "before the restart");

    private static StragglerGuard.Fabric.NodeReport Other(VirtualRanks ranks)
    {
        var report = ranks.ReportOfAll(1, ranks.TakeSteps(20), left: true);
        return report with
        {
            Ranks = [.. report.Ranks.Select(rank => rank with { Enrollment = rank.Enrollment with { Job = new JobId("other") } })],
        };
    }

    private GuardianService Start(IDecisionLedger ledger, PolicyMode mode = PolicyMode.Act, TestFabric? fabric = null)
    {
        var service = new GuardianService(fabric ?? _fabric, ledger, new StragglerGuardOptions { Mode = mode }, _instruments);
        _services.Add(service);
        return service;
    }

    private sealed class Unreadable : IReadOnlyList<RankReport>
    {
        public int Count => throw new NotSupportedException("as no fabric makes one");

        public RankReport this[int index] => throw new NotSupportedException();

        public IEnumerator<RankReport> GetEnumerator() => throw new NotSupportedException();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }

    /// <summary>200 steps under the deal they began with, then all ranks leave.</summary>
    private async Task RunToTheEnd(VirtualRanks ranks, int stepsPerReport = 10)
    {
        Task<bool> ended = _services[0].JobEndedAsync(ranks.Job, Patience.Limit);
        var records = ranks.SkewProbes();
        for (int sequence = 1; ranks.NextStep < 200; sequence++)
        {
            records.AddRange(ranks.TakeSteps(stepsPerReport));
            _fabric.Report(ranks.ReportOfAll(sequence, records, left: ranks.NextStep == 200));
            records.Clear();
        }

        (await ended).Should().BeTrue("all ranks have left");
    }
}
