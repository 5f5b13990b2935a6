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

/// <summary>What the guardian makes of workers that leave a group, wait, and come back.</summary>
public sealed class GenerationChangeTests : IAsyncLifetime, IDisposable
{
    private static readonly JobId Job = new("job");
    private static readonly NodeId Aside = new("aside");

    private readonly TestFabric _fabric = new();
    private readonly GuardInstruments _instruments = new();
    private readonly InMemoryLedger _ledger = new();
    private GuardianService _guardian = null!;

    private enum Fate
    {
        Waits,
        IsNamedNoMore,
        CameBackAndWasLost,
    }

    public Task InitializeAsync()
    {
        // By the wall clock of long ago: probation is served.
        JobPlan without = new(new PlanEpoch(1), new Generation(1), [11, 11, 10, JobPlan.NotMember]);
        Put(new PlanDecided(Job, default, 90, MitigationKind.Evict, without, 2.75, 1.5, "it was slow")
        {
            Moves = [new WorkerMove(3, new WorkerId(Aside, "GPU-3"), "H100")],
        });
        Put(new PlanInForce(Job, new Generation(1), 90, without.Epoch, "begun"));
        Put(new WorkerEvicted(Job, new Generation(1), 90, new WorkerId(Aside, "GPU-3"), 3, "H100", "it was slow"));
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _guardian.DisposeAsync().AsTask().WaitAsync(Patience.Limit);

    public void Dispose() => _instruments.Dispose();

    [Theory]
    [InlineData(nameof(Fate.Waits), true)]
    [InlineData(nameof(Fate.IsNamedNoMore), false)]
    [InlineData(nameof(Fate.CameBackAndWasLost), false)]
    public async Task Worker_IsTakenBackOnlyWhileItWaits(string fate, bool isTakenBack)
    {
        int generation = 1;
        if (fate == nameof(Fate.CameBackAndWasLost))
        {
            Put(new PlanDecided(Job, new Generation(1), 95, MitigationKind.Readmit, new JobPlan(new PlanEpoch(4), new Generation(2), [8, 8, 8, 8]), 2, 1.3, "well")
            {
                Moves = [new WorkerMove(3, new WorkerId(Aside, "GPU-3"), "H100")],
            });
            Put(new PlanDecided(
                Job, new Generation(2), 99, MitigationKind.Restart, new JobPlan(new PlanEpoch(5), new Generation(3), [11, 11, 10, JobPlan.NotMember]), 2.75, 1, "it is gone"));
        }

        Start();
        VirtualRanks three = Ranks(generation, 1, 11, 11, 10);
        _fabric.Report(three.ReportOfAll(1, [.. three.SkewProbes(), .. three.TakeSteps(2)]));
        _fabric.Report(Standby(waits: true));
        if (fate == nameof(Fate.IsNamedNoMore))
        {
            _fabric.Report(Standby(waits: false));
        }
        else if (fate == nameof(Fate.CameBackAndWasLost))
        {
            VirtualRanks four = Ranks(2, 4, 8, 8, 8, 8);
            _fabric.Report(four.ReportOfAll(1, [.. four.SkewProbes(), .. four.TakeSteps(2)]));
            three = Ranks(3, 5, 11, 11, 10);
            _fabric.Report(three.ReportOfAll(1, three.SkewProbes()));
        }

        Task<bool> ended = _guardian.JobEndedAsync(Job, Patience.Limit);
        _fabric.Report(three.ReportOfAll(2, three.TakeSteps(60), left: true));
        (await ended).Should().BeTrue();

        _ledger.Read().Select(entry => entry.Decision).OfType<PlanDecided>().Count(plan => plan.Kind == MitigationKind.Readmit && plan.Reason != "well")
            .Should().Be(isTakenBack ? 1 : 0, "{0}", string.Join("; ", _ledger.Read().Select(entry => entry.Decision.Reason)));
    }

    /// <summary>A plan that is on its way when the last step is done takes nobody anywhere.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Job_WhoseRanksLeaveWithAMembershipPlanOnItsWay_HasEndedUnlessTheyRegroup(bool regroups)
    {
        Put(new PlanDecided(
            Job, new Generation(1), 95, MitigationKind.Readmit, new JobPlan(new PlanEpoch(4), new Generation(2), [8, 8, 8, 8]), 2, 1.3, "well"));
        Start();
        VirtualRanks three = Ranks(1, 1, 11, 11, 10);
        NodeReport last = three.ReportOfAll(1, three.TakeSteps(5), left: true);
        Task<bool> ended = _guardian.JobEndedAsync(Job, Patience.Limit);

        _fabric.Report(last with { Ranks = [.. last.Ranks.Select(rank => rank with { Regroups = regroups })] });

        if (regroups)
        {
            var marker = new VirtualRanks(1, total: 8, 0.02, 0.02) { Job = new JobId("marker") };
            Task<bool> after = _guardian.JobEndedAsync(marker.Job, Patience.Limit);
            _fabric.Report(marker.ReportOfAll(1, marker.TakeSteps(2), left: true));
            (await after).Should().BeTrue();
            ended.IsCompleted.Should().BeFalse("the next generation is still to come");
            VirtualRanks four = Ranks(2, 4, 8, 8, 8, 8);
            _fabric.Report(four.ReportOfAll(1, four.TakeSteps(5), left: true));
        }

        (await ended).Should().BeTrue();
    }

    private void Start() => _guardian = new GuardianService(
        _fabric, _ledger,
        new StragglerGuardOptions { Mode = PolicyMode.Act, Mitigation = new MitigationSection { RegroupSeconds = 1, FloorShare = 0.25 } }, _instruments);

    private void Put(LedgerDecision decision) => _ledger.Append(_ledger.LastSequence + 1, DateTimeOffset.UnixEpoch, decision);

    private static NodeReport Standby(bool waits) => new(Aside, 1, 0, [])
    {
        Standby = waits ? [new StandbyReport(Job, 3, 4, new WorkerId(Aside, "GPU-3"), new DeviceClass("H100"), 0.25)] : [],
    };

    private static VirtualRanks Ranks(int generation, long epoch, params int[] shares) =>
        new(seed: 32, total: 32, [.. shares.Select(_ => 0.25)])
        {
            Generation = new Generation(generation),
            MemberSlots = [.. Enumerable.Range(0, shares.Length)],
            Slots = 4,
            Abilities = RankAbilities.Rebalance | RankAbilities.Regroup,
            InForce = new MicroBatchDeal(new PlanEpoch(epoch), shares),
        };
}
