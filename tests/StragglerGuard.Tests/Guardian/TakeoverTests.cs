using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.Tests.Guardian;

/// <summary>What a guardian knows that begins to judge in the midst of a generation, after another one on the same ledger.</summary>
public sealed class TakeoverTests : IAsyncLifetime, IDisposable
{
    private const int Onset = 90;
    private const int Death = 130;

    private static readonly JobId Job = new("job");

    private readonly TestFabric _fabric = new();
    private readonly GuardInstruments _instruments = new();
    private readonly InMemoryLedger _ledger = new();
    private GuardianService? _guardian;
    private int _markers;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await DieAsync();

    public void Dispose() => _instruments.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Finding_OfAnotherGuardian_StandsAsItWasFoundAndIsNotToldAgain(bool hasPeers)
    {
        VirtualRanks ranks = OneSlow(hasPeers, until: long.MaxValue);
        StragglerFound found = await FindAndDieAsync(ranks);

        Start(PolicyMode.Observe);
        await ReportAsync(ranks, 3);
        Verdict(Status()).Should().Be(found.Verdict);
        await ReportAsync(ranks, 80);

        JobStatus status = Status();
        Verdict(status).Should().Be(found.Verdict, "it was told with this onset and reason");
        status.Ranks[1].Slowdown.Should().BeApproximately(found.Verdict.Slowdown, 0.15);
        status.Verdicts.Where(verdict => verdict.AccusesRank).Should().Equal([found.Verdict], "what is found again is the same");
        status.Changes.Should().ContainSingle().Which.Should().Be(
            new JobChange(new Rank(1), found.Verdict.OnsetStep, found.Verdict.RaisedAtStep, found.Verdict.Slowdown));
        Findings().Should().Equal(found);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Finding_OfAnotherGuardian_IsClearedByTheNextOnce(bool hasPeers)
    {
        VirtualRanks ranks = OneSlow(hasPeers, until: Death + 60);
        StragglerFound found = await FindAndDieAsync(ranks);

        Start(PolicyMode.Observe);
        await ReportAsync(ranks, 120);

        Verdict(Status()).Should().BeNull();
        StragglerCleared cleared = Findings().Skip(1).Should().ContainSingle().Which.Should().BeOfType<StragglerCleared>().Subject;
        cleared.FromStep.Should().BeInRange(Death + 60, Death + 66);
        cleared.Reason.Should().Contain($"the slowness since step {found.Verdict.OnsetStep} ended");

        // And the one after that has it all in its history.
        JobStatus second = Status();
        await DieAsync();
        Start(PolicyMode.Observe);
        await ReportAsync(ranks, 40);
        Status().Verdicts.Should().Equal(second.Verdicts);
        Status().Changes.Should().Equal(second.Changes);
        Verdict(Status()).Should().BeNull();
        Findings().Should().HaveCount(2);
    }

    [Fact]
    public async Task Finding_OfAnEarlierRunOfTheJob_IsNotTakenOver()
    {
        await FindAndDieAsync(OneSlow(hasPeers: true, until: long.MaxValue));

        Start(PolicyMode.Observe);
        await ReportAsync(new VirtualRanks(5, total: 20, 0.02, 0.02, 0.02, 0.02), 40);

        Verdict(Status()).Should().BeNull("the job began anew with its first step");
        Status().Verdicts.Should().BeEmpty();
    }

    [Fact]
    public async Task Waiting_AfterATakeover_IsUnknownUntilTheAgentTellsTheSkewAgain()
    {
        VirtualRanks ranks = OneSlow(hasPeers: true, until: long.MaxValue);
        List<StepTiming> probes = ranks.SkewProbes();
        await FindAndDieAsync(ranks);

        Start(PolicyMode.Observe);
        await ReportAsync(ranks, 10);

        Status().Ranks.Should().OnlyContain(rank => rank.WaitCausedSeconds == null && rank.LagP50Seconds == null, "0 would be a claim");
        Status().FirstStep.Should().Be(Death);
        await ReportAsync(ranks, 10, probes);
        Status().ExitSkewSeconds.Should().NotBeNull();
        Status().Ranks[1].WaitCausedSeconds.Should().BeGreaterThan(0.1, "rank 1 is late in every step");
        Status().Ranks[0].WaitCausedSeconds.Should().Be(0);
        Status().Ranks[1].LagP50Seconds.Should().BeGreaterThan(0.01);
    }

    [Fact]
    public async Task Deal_BeforeAStepIsJudged_IsUnknown()
    {
        var ranks = new VirtualRanks(17, total: 32, 0.020, 0.010, 0.020, 0.020);
        Start(PolicyMode.Act);
        await ReportAsync(ranks, 40, ranks.SkewProbes());
        await TakePlanAsync(ranks);
        await ReportAsync(ranks, 40);
        await DieAsync();

        Start(PolicyMode.Act);
        _fabric.Report(new NodeReport(new NodeId("node"), 1, 1, [ranks.ReportOf(0, [])]));
        await JudgedAsync();
        Status().Ranks.Should().ContainSingle().Which.MicroBatches.Should().BeNull("three ranks are to come");
        await ReportAsync(ranks, 0);
        Status().Ranks.Should().HaveCount(4).And.OnlyContain(rank => rank.MicroBatches == null, "a plan may be in force: the even deal would be a guess");
        await ReportAsync(ranks, 3);
        Status().Ranks.Select(rank => rank.MicroBatches!.Value).Should().Equal(ranks.InForce.MicroBatches.ToArray());
    }

    [Fact]
    public async Task Plan_OfAnotherGuardian_IsInForceSinceAndBroughtWhatTheLedgerSays()
    {
        var ranks = new VirtualRanks(17, total: 32, 0.020, 0.010, 0.020, 0.020);
        Start(PolicyMode.Act);
        await ReportAsync(ranks, 40, ranks.SkewProbes());
        await TakePlanAsync(ranks);
        await ReportAsync(ranks, 60);
        PlanInForce seen = Decisions().OfType<PlanInForce>().Should().ContainSingle().Subject;
        (seen.Step, seen.IsAtLatest).Should().Be((40, false));
        PlanGraded graded = Decisions().OfType<PlanGraded>().Should().ContainSingle().Subject;
        Status().Plans.Should().ContainSingle().Which.RealisedGain.Should().Be(graded.RealisedGain);
        await DieAsync();

        Start(PolicyMode.Act);
        await ReportAsync(ranks, 40);

        PlanStatus plan = Status().Plans.Should().ContainSingle().Subject;
        (plan.EffectiveStep, plan.InForceByStep, plan.RealisedGain).Should().Be((seen.Step, seen.Step, graded.RealisedGain));
        Decisions().OfType<PlanInForce>().Should().ContainSingle();
        Decisions().OfType<PlanGraded>().Should().ContainSingle();
    }

    [Fact]
    public async Task Plan_ThatCameIntoForceWhileNobodyLooked_IsSoByTheFirstStepSeenAtLatest()
    {
        var ranks = new VirtualRanks(17, total: 32, 0.020, 0.010, 0.020, 0.020);
        Start(PolicyMode.Act);
        await ReportAsync(ranks, 40, ranks.SkewProbes());
        await TakePlanAsync(ranks);
        await DieAsync();
        ranks.TakeSteps(20);

        Start(PolicyMode.Act);
        await ReportAsync(ranks, 3);

        PlanInForce seen = Decisions().OfType<PlanInForce>().Should().ContainSingle().Subject;
        (seen.Step, seen.IsAtLatest).Should().Be((60, true));
        seen.Reason.Should().Contain("by step 60 at the latest");
        LedgerState.Of(_ledger.Read()).Find(Job)!.InForce!.InForceSinceStep.Should().BeNull();
        PlanStatus plan = Status().Plans.Should().ContainSingle().Subject;
        (plan.EffectiveStep, plan.InForceByStep).Should().Be((null, 60));
        await DieAsync();

        Start(PolicyMode.Act);
        await ReportAsync(ranks, 3);
        Status().Plans.Should().ContainSingle().Which.EffectiveStep.Should().BeNull("the third knows no more than the second");
    }

    /// <summary>Rank 1 is slow from a step on; without peers the others are of another class.</summary>
    private static VirtualRanks OneSlow(bool hasPeers, long until) => new(5, total: 20, 0.02, 0.02, 0.02, 0.02)
    {
        FastRank = hasPeers ? -1 : 1,
        Factor = (rank, step) => rank == 1 && step >= Onset && step < until ? 1.8 : 1,
    };

    private async Task<StragglerFound> FindAndDieAsync(VirtualRanks ranks)
    {
        Start(PolicyMode.Observe);
        await ReportAsync(ranks, Death, ranks.SkewProbes());
        await DieAsync();
        return Findings().Should().ContainSingle().Which.Should().BeOfType<StragglerFound>().Subject;
    }

    private void Start(PolicyMode mode) =>
        _guardian = new GuardianService(_fabric, _ledger, new StragglerGuardOptions { Mode = mode }, _instruments);

    private async Task DieAsync()
    {
        if (_guardian is { } former)
        {
            _guardian = null;
            await former.DisposeAsync().AsTask().WaitAsync(Patience.Limit);
        }
    }

    private JobStatus Status() => _guardian!.Status(Job)!;

    private static StragglerGuard.Core.Detection.Verdict? Verdict(JobStatus status) => status.Ranks[1].Verdict;

    private IEnumerable<LedgerDecision> Decisions() => _ledger.Read().Select(entry => entry.Decision);

    private IEnumerable<LedgerDecision> Findings() => Decisions().Where(decision => decision is StragglerFound or StragglerCleared);

    /// <summary>The ranks switch to the plan that is on its way.</summary>
    private async Task TakePlanAsync(VirtualRanks ranks)
    {
        JobPlan plan = (await _fabric.Offers.Next()).Plan;
        ranks.InForce = plan.Deal;
    }

    private async Task ReportAsync(VirtualRanks ranks, int steps, List<StepTiming>? probes = null)
    {
        _fabric.Report(ranks.ReportOfAll(ranks.NextStep + 1, [.. probes ?? [], .. ranks.TakeSteps(steps)]));
        await JudgedAsync();
    }

    /// <summary>Until everything reported so far is judged: another job's end, reported after, tells.</summary>
    private async Task JudgedAsync()
    {
        var marker = new JobId($"marker {_markers++}");
        var ranks = new VirtualRanks(1, total: 8, 0.02, 0.02) { Job = marker };
        Task<bool> ended = _guardian!.JobEndedAsync(marker, Patience.Limit);
        _fabric.Report(ranks.ReportOfAll(1, ranks.TakeSteps(2), left: true));
        (await ended).Should().BeTrue();
    }
}
