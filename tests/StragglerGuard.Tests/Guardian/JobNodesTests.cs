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

public sealed class JobNodesTests : IDisposable
{
    private readonly GuardInstruments _instruments = new();
    private readonly TestFabric _fabric = new();
    private readonly InMemoryLedger _ledger = new();
    private readonly JobRoster _roster;
    private readonly Commitments _commitments;
    private readonly ReportIntake _intake;
    private readonly List<string> _faults = [];

    public JobNodesTests()
    {
        var options = new StragglerGuardOptions { Mode = PolicyMode.Act };
        _roster = new JobRoster(options, _instruments, _faults.Add);
        _commitments = new Commitments(_fabric.OpenGuardian(), _ledger, _roster, options.Ledger.Modes, actuations: null, _faults.Add);
        _intake = new ReportIntake(_roster, _commitments, _ledger, _faults.Add);
    }

    public void Dispose()
    {
        _faults.Should().BeEmpty();
        _instruments.Dispose();
    }

    [Fact]
    public void Offer_OfAPlan_GoesToTheNodesOfItsJobOnly()
    {
        Report("node-a", Ranks(generation: 0, 0));
        Report("node-b", Ranks(generation: 0, 1));
        Report("node-c", Reports.Enrollment(job: "other"));
        Report("node-d", Reports.Enrollment(rank: 1, job: "other"), Ranks(generation: 0, 2));

        Offered().Should().BeEquivalentTo(Reports.Nodes("node-a", "node-b", "node-d"));
    }

    [Fact]
    public void Offer_OfAFormerGuardiansPlan_GoesToTheFirstNodeThatReports()
    {
        var plan = new JobPlan(new PlanEpoch(1), new Generation(1), [6, 5, 5, JobPlan.NotMember]);
        _ledger.Append(
            1, DateTimeOffset.UnixEpoch,
            new PlanDecided(Reports.Job, new Generation(0), 7, MitigationKind.Evict, plan, PredictedStepSeconds: 1, PredictedGain: 1.3, "node-d is slow"));

        Report("node-b", Ranks(generation: 0, 1));

        _fabric.Offers.TryRead(out OfferedPlan? offered).Should().BeTrue();
        offered!.Plan.Should().Be(plan);
        _fabric.OfferedTo.Should().BeEquivalentTo(Reports.Nodes("node-b"));

        Report("node-d", Ranks(generation: 0, 3));
        _commitments.OfferPendingAgain();

        _fabric.OfferedTo.Should().BeEquivalentTo(Reports.Nodes("node-b", "node-d"), "whoever is to leave must hear of it, too");
    }

    [Fact]
    public void Offer_AfterARegrouping_GoesToWhoeverStillReportsForTheJob()
    {
        foreach ((string node, int rank) in new[] { ("member", 0), ("late", 1), ("left", 2), ("gone", 3) })
        {
            Report(node, Ranks(generation: 0, rank));
        }

        Report("member", Ranks(generation: 1, 0));
        Offered().Should().BeEquivalentTo(Reports.Nodes("member", "late", "left", "gone"), "who has not reported since the regrouping may wait for a plan");

        Report("late", Ranks(generation: 0, 1));
        _intake.Take(Waiting("left", slots: 4), nowNs: 1, observerComplaint: null);
        _intake.Take(Waiting("spare", slots: 5), nowNs: 1, observerComplaint: null);
        Report("misled", Ranks(generation: 1, 1) with { WorldSize = 9 });
        Report("member", Ranks(generation: 2, 0));

        Offered().Should().BeEquivalentTo(Reports.Nodes("member", "late", "left", "spare", "misled"), "the one that is gone said nothing for a generation");
    }

    [Fact]
    public void Nodes_OnceGiven_AreNotChangedByWhatIsHeardLater()
    {
        var nodes = new JobNodes(former: null);
        nodes.Hear(new NodeId("node-a"));
        IReadOnlySet<NodeId> before = nodes.All;
        nodes.Hear(new NodeId("node-a"));
        nodes.All.Should().BeSameAs(before, "nothing is new");

        nodes.Hear(new NodeId("node-b"));

        before.Should().BeEquivalentTo(Reports.Nodes("node-a"));
        nodes.All.Should().BeEquivalentTo(Reports.Nodes("node-a", "node-b"));
    }

    private static RankEnrollment Ranks(int generation, int rank) => Reports.Enrollment(rank, worldSize: 4, generation) with { Slots = 4 };

    private static NodeReport Waiting(string node, int slots)
    {
        var name = new NodeId(node);
        return new NodeReport(name, 1, 1, [])
        {
            Standby = [new StandbyReport(Reports.Job, Slot: 2, slots, new WorkerId(name, "GPU-0"), new DeviceClass("H100"), SecondsPerUnit: null)],
        };
    }

    private void Report(string node, params RankEnrollment[] ranks) => _intake.Take(
        new NodeReport(new NodeId(node), 1, 1, [.. ranks.Select(rank => new RankReport(rank, default, Lost: 0, Torn: 0, SplitVotes: 0, Left: false))]),
        nowNs: 1, observerComplaint: null);

    /// <summary>Where a plan of the job goes now.</summary>
    private IReadOnlySet<NodeId> Offered()
    {
        GuardedJob job = _roster.Find(Reports.Job)!;
        job.Pending = Reports.Offer(epoch: 90, job.Judge.Generation.Value, 4, 4, 4, 4);
        _commitments.OfferPendingAgain();
        return _fabric.OfferedTo;
    }
}
