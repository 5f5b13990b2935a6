using System.Collections.Concurrent;
using StragglerGuard.Actuators;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Actuators;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>A guardian and its ledger: who is in charge, what outlives a restart, and what is done while it can't be written.</summary>
public sealed class GuardianLedgerTests : IAsyncLifetime, IDisposable
{
    private static readonly JobId Job = new("job");

    private readonly TestFabric _fabric = new();
    private readonly GuardInstruments _instruments = new();
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly List<GuardianService> _services = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (GuardianService service in _services)
        {
            await service.DisposeAsync().AsTask().WaitAsync(Patience.Limit);
        }
    }

    public void Dispose() => _instruments.Dispose();

    [Fact]
    public async Task Ledger_ThatFailsForAWhile_GetsAllFindingsAndThePlanOfThen()
    {
        var ledger = new FaultyLedger();
        bool isFull = true;
        ledger.OnAppend = _ =>
        {
            if (Volatile.Read(ref isFull))
            {
                throw new LedgerException("guard.ledger: the disk is full.");
            }
        };
        GuardianService guardian = Start(ledger);
        var ranks = new VirtualRanks(3, total: 30, 0.02, 0.02, 0.02, 0.02, 0.02) { Factor = (rank, step) => rank == 4 && step >= 30 ? 2 : 1 };
        Report(ranks, 60);
        await Judged(guardian, 59);

        ledger.LastSequence.Should().Be(0);
        guardian.Status(Job)!.PolicyReason.Should().EndWith("can't decide now: guard.ledger: the disk is full.");
        guardian.Status(Job)!.PlansDecided.Should().Be(0, "nothing is offered that is not in the ledger");
        _fabric.Offers.TryRead(out _).Should().BeFalse();

        // Where an append failed slowly, on a busy machine, the next comes after a pause only.
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        guardian.Decided += _ => written.TrySetResult();
        Volatile.Write(ref isFull, false);
        await written.Task.WaitAsync(Patience.Limit);
        Report(ranks, 20, left: true);
        (await guardian.JobEndedAsync(Job, Patience.Limit)).Should().BeTrue();

        ledger.Read().Select(entry => entry.Decision.GetType()).Should().ContainInOrder(typeof(GuardianTookOver), typeof(StragglerFound), typeof(PlanDecided));
        ledger.Read().Select(entry => entry.Decision).OfType<StragglerFound>().Should().ContainSingle("it waited");
        guardian.Status(Job)!.PolicyReason.Should().NotContain("disk");
        _complaints.Should().Contain("nothing is decided until the ledger can be written: guard.ledger: the disk is full.");
    }

    [Fact]
    public async Task Claim_ThatAnotherHasTaken_EndsAllDecidingAndTheJobIsJudgedOn()
    {
        var ledger = new FaultyLedger();
        ledger.OnAppend = decision =>
        {
            if (decision is PlanDecided)
            {
                throw new LedgerClaimLostException("guard.ledger", "the server ended the session");
            }
        };
        ledger.OnReclaim = () => throw new LedgerClaimedException("guard.ledger", "process 7 on elsewhere");
        GuardianService guardian = Start(ledger);
        var ranks = Uneven();

        Report(ranks, 60);
        Report(ranks, 20, left: true);

        (await guardian.JobEndedAsync(Job, Patience.Limit)).Should().BeTrue("it is judged on");
        guardian.Status(Job)!.LastStep.Should().Be(79);
        guardian.Status(Job)!.PolicyReason.Should().StartWith("decides no longer: guard.ledger is written by process 7 on elsewhere");
        guardian.LastFault.Should().StartWith($"{guardian.Name} decides no longer: guard.ledger is written by process 7 on elsewhere");
        await guardian.DisposeAsync();
        _complaints.Should().ContainSingle(complaint => complaint.StartsWith($"{guardian.Name} decides no longer", StringComparison.Ordinal));
        ledger.Reclaims.Should().Be(1, "it is not fought for");
        ledger.Findings().Should().BeEmpty();
        _fabric.Offers.TryRead(out _).Should().BeFalse();
    }

    [Fact]
    public async Task Claim_ThatIsStillToBeHad_IsTakenAgainAndThePlanDecided()
    {
        var ledger = new FaultyLedger();
        int losses = 1;
        ledger.OnAppend = decision =>
        {
            if (decision is PlanDecided && Interlocked.Decrement(ref losses) >= 0)
            {
                throw new LedgerClaimLostException("guard.ledger", "the server was restarted");
            }
        };
        GuardianService guardian = Start(ledger);

        Report(Uneven(), 60, left: true);

        (await guardian.JobEndedAsync(Job, Patience.Limit)).Should().BeTrue();
        ledger.Reclaims.Should().Be(1);
        ledger.Findings().Should().ContainSingle().Which.Decision.Should().BeOfType<PlanDecided>();
        guardian.LastFault.Should().BeNull();
    }

    [Fact]
    public async Task Mode_SetAtRunTime_StandsOnceAndOutlivesTheGuardian()
    {
        var ledger = new InMemoryLedger();
        GuardianService first = Start(ledger);
        first.SetMode(Job, PolicyMode.Observe, fromStep: 0, "the operator calls it back");
        first.SetMode(Job, PolicyMode.Observe, fromStep: 5, "again");
        await first.DisposeAsync();
        GuardianService second = Start(ledger);

        Report(Uneven(), 60, left: true);

        (await second.JobEndedAsync(Job, Patience.Limit)).Should().BeTrue();
        second.Status(Job)!.Mode.Should().Be(PolicyMode.Observe);
        ledger.Findings().Should().ContainSingle().Which.Decision.Should().Be(
            new ModeChanged(Job, default, 0, PolicyMode.Observe, "the operator calls it back"));
    }

    [Fact]
    public async Task Mode_OfTheLedger_GivesWayToTheOptionsAndToTheCaller()
    {
        var ledger = new InMemoryLedger();
        ledger.Append(1, DateTimeOffset.UnixEpoch, new ModeChanged(Job, default, 0, PolicyMode.Observe, "before"));
        GuardianService deaf = Start(ledger, new StragglerGuardOptions { Mode = PolicyMode.Act, Ledger = new LedgerSection { Modes = LedgerModes.Ignore } });
        Report(Uneven(), 5);
        await Judged(deaf, 4);
        deaf.Status(Job)!.Mode.Should().Be(PolicyMode.Act);
        await deaf.DisposeAsync();

        GuardianService told = Start(ledger);
        told.SetMode(Job, PolicyMode.Advise);
        Report(Uneven(), 5);
        await Judged(told, 4);

        told.Status(Job)!.Mode.Should().Be(PolicyMode.Advise);
        ledger.Findings().Select(entry => ((ModeChanged)entry.Decision).Mode).Should().Equal(PolicyMode.Observe, PolicyMode.Advise);
    }

    [Fact]
    public async Task Node_ThatBearsAnActionWhichTheLedgerLacks_IsReportedOnceAndLeftAlone()
    {
        var ledger = new InMemoryLedger();
        var scheduler = new VirtualScheduler();
        scheduler.Mark(new NodeId("node"), "stragglerguard:job.99.5abc slow");
        GuardianService guardian = Start(ledger, scheduler: scheduler.For(Fate.None));
        var decided = new SemaphoreSlim(0);
        guardian.Decided += entry =>
        {
            if (entry.Decision is ActuationDone)
            {
                decided.Release();
            }
        };

        Report(Uneven(), 10);
        (await decided.WaitAsync(Patience.Limit)).Should().BeTrue();

        ActuationDone lost = ledger.Read().Select(entry => entry.Decision).OfType<ActuationDone>().Should().ContainSingle().Which;
        lost.ActionKey.Should().Be("job.99.5abc");
        lost.Reason.Should().StartWith("node is out of service by the action job.99.5abc, which this ledger does not have. Entry 99 was seen outside of the ledger");
        guardian.LastFault.Should().Be(lost.Reason);
        scheduler.Drained.Should().ContainSingle("whoever wants it back says so");
    }

    [Fact]
    public async Task Scheduler_ThatIsDown_IsAskedUntilItDoesAndTheLedgerSaysSoOnce()
    {
        var scheduler = new VirtualScheduler();
        int refusals = 40;
        string? Refuse() => Interlocked.Decrement(ref refusals) >= 0 ? "slurmctld is down" : null;
        var ledger = new InMemoryLedger();
        PutEvictionOfSlot3(ledger);
        var done = new SemaphoreSlim(0);
        GuardianService guardian = Start(ledger, scheduler: scheduler.For(Fate.None, Refuse), time: new EagerTime());
        guardian.Decided += entry =>
        {
            if (entry.Decision is ActuationDone { Succeeded: true })
            {
                done.Release();
            }
        };

        Report(Uneven(), 5);
        (await done.WaitAsync(Patience.Limit)).Should().BeTrue();

        ledger.Read().Select(entry => entry.Decision).Where(decision => decision is ActuationRequested or ActuationDone)
            .Select(decision => decision is ActuationDone end ? end.Succeeded.ToString() : "requested").Should().Equal("requested", "False", "True");
        ledger.Read().Select(entry => entry.Decision).OfType<ActuationDone>().First().Reason.Should().Be(
            "not yet, and tried again until it is: not read: slurmctld is down");
        _complaints.Should().Contain("virtual: reading its nodes: slurmctld is down");
        scheduler.Drained.Should().Equal(new NodeId("n3"));
        guardian.Status(Job).Should().NotBeNull();
    }

    /// <summary>As a guardian left it that was killed before it asked for the drain.</summary>
    private static void PutEvictionOfSlot3(InMemoryLedger ledger)
    {
        var plan = new JobPlan(new PlanEpoch(1), new Generation(0), [8, 8, 8, 8]);
        ledger.Append(1, DateTimeOffset.UnixEpoch, new PlanDecided(Job, default, 10, MitigationKind.Rebalance, plan, 1, 1, "even"));
        ledger.Append(2, DateTimeOffset.UnixEpoch, new WorkerEvicted(
            Job, default, 10, new WorkerId(new NodeId("n3"), "GPU-3"), 3, "H100", "slow beyond doubt"));
    }

    private static VirtualRanks Uneven() => new(17, total: 32, 0.020, 0.010, 0.020, 0.020);

    private GuardianService Start(
        IDecisionLedger ledger, StragglerGuardOptions? options = null, IPoolActuator? scheduler = null, TimeProvider? time = null)
    {
        var service = new GuardianService(
            _fabric, ledger, options ?? new StragglerGuardOptions { Mode = PolicyMode.Act }, _instruments,
            scheduler is null ? null : new ActuatorSetup(scheduler, new ReconcilerOptions(), []), time ?? TimeProvider.System);
        service.Complained += _complaints.Enqueue;
        _services.Add(service);
        return service;
    }

    private void Report(VirtualRanks ranks, int steps, bool left = false) =>
        _fabric.Report(ranks.ReportOfAll(ranks.NextStep + 1, [.. ranks.SkewProbes(), .. ranks.TakeSteps(steps)], left));

    /// <summary>Until a step is judged: another job's end, reported after, tells.</summary>
    private async Task Judged(GuardianService guardian, long step)
    {
        var marker = new JobId($"marker {step} {_services.Count}");
        var ranks = new VirtualRanks(1, total: 8, 0.02, 0.02) { Job = marker };
        Task<bool> ended = guardian.JobEndedAsync(marker, Patience.Limit);
        _fabric.Report(ranks.ReportOfAll(1, ranks.TakeSteps(2), left: true));
        (await ended).Should().BeTrue();
        guardian.Status(Job)!.LastStep.Should().Be(step);
    }
}
