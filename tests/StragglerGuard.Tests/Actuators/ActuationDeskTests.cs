using StragglerGuard.Actuators;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Actuators;

public sealed class ActuationDeskTests
{
    private static readonly JobId Job = new("gpt 7/b");
    private static readonly DateTimeOffset At = DateTimeOffset.UnixEpoch.AddSeconds(1);

    private readonly List<LedgerEntry> _entries = [];

    [Fact]
    public void Eviction_IsADrainUnderAKeyOfItsOwnEntry()
    {
        var desk = new ActuationDesk(new NodeNaming(IsInJob: false, []));
        Put(desk, Evicted("n3", 0));

        var asked = (ActuationRequested)desk.Due(_ => true).Should().ContainSingle().Subject;
        asked.Should().Be(new ActuationRequested(Job, default, 5, "gpt-7-b.1.f4240", ActuationKind.Drain, "n3", null, "slow"));
        desk.Desired().Should().BeEmpty("it is not in the ledger yet");
        desk.Due(_ => false).Should().BeEmpty("the job is another's to guard");

        Put(desk, asked);
        desk.Due(_ => true).Should().BeEmpty();
        desk.Desired().Should().ContainKey(new NodeId("n3")).WhoseValue.Should().Be(new DesiredNode.Drained("gpt-7-b.1.f4240", "slow"));

        Put(desk, Settle(desk));
        desk.Desired().Should().BeEmpty();
        AgainFromTheLedger(new NodeNaming(false, [])).Desired().Should().BeEmpty("the same entries come to the same");
    }

    [Fact]
    public void Node_OfTwoEvictedWorkers_ComesBackWithTheLast()
    {
        var desk = new ActuationDesk(new NodeNaming(IsInJob: false, []));
        Put(desk, Evicted("n3", 0), Evicted("n3", 1));
        Serve(desk);

        Put(desk, Readmitted("n3", 0));
        desk.Due(_ => true).Should().BeEmpty("another device of it is still out");

        Put(desk, Readmitted("n3", 1));
        desk.Due(_ => true).OfType<ActuationRequested>().Should().ContainSingle().Which.Kind.Should().Be(ActuationKind.Readmit);
    }

    [Fact]
    public void Drain_ThatWasNotDoneBeforeTheWorkerCameBack_IsEndedByTheReadmission()
    {
        var desk = new ActuationDesk(new NodeNaming(IsInJob: false, []));
        Put(desk, Evicted("n3", 0));
        Put(desk, [.. desk.Due(_ => true)]);

        Put(desk, Readmitted("n3", 0));

        LedgerDecision[] due = [.. desk.Due(_ => true)];
        due.Select(decision => decision.GetType()).Should().Equal(typeof(ActuationDone), typeof(ActuationRequested));
        due[0].Reason.Should().Be("n3 is wanted otherwise meanwhile");
        Put(desk, due);
        desk.Due(_ => true).Should().BeEmpty();
        desk.Desired().Values.Should().Equal(new DesiredNode.Serve("gpt-7-b.3.f4240", null));
        LedgerState.Of(_entries).Find(Job)!.DueActuations.Keys.Should().Equal("gpt-7-b.3.f4240");
    }

    [Fact]
    public void InJob_OnlyAWorkerThatHangsIsEnded()
    {
        var naming = new NodeNaming(IsInJob: true, []);
        var desk = new ActuationDesk(naming);
        Put(desk, Regroup(MitigationKind.Evict, 1), Evicted("n3", 0));
        desk.Due(_ => true).Should().BeEmpty("it left by its own vote and stands by");

        Put(desk, Regroup(MitigationKind.Restart, 2), Evicted("n4", 1));

        desk.Due(_ => true).OfType<ActuationRequested>().Should().ContainSingle().Which.Node.Should().Be("n4/GPU-1");
    }

    [Fact]
    public void Pool_ThatTheSchedulerHas_IsWhereTheNodeGoes()
    {
        var desk = new ActuationDesk(new NodeNaming(IsInJob: false, ["a100"]));
        Put(desk, Evicted("n3", 0) with { Pool = "a100" }, Evicted("n4", 1) with { Pool = "a100 at 0.4" });

        desk.Due(_ => true).OfType<ActuationRequested>().Select(asked => (asked.Node, asked.Kind, asked.Pool)).Should().Equal(
            ("n3", ActuationKind.MoveToPool, "a100"), ("n4", ActuationKind.Drain, null));
    }

    [Fact]
    public void Worker_OfANodeThatNobodyKnows_IsAskedForOfNobody()
    {
        var desk = new ActuationDesk(new NodeNaming(IsInJob: false, []));

        Put(desk, Evicted("unknown", 0));

        desk.Due(_ => true).Should().BeEmpty();
    }

    [Fact]
    public void Key_OfALongName_IsOneThatSchedulersTake()
    {
        var entry = new LedgerEntry(long.MaxValue, DateTimeOffset.MaxValue, Evicted("n3", 0) with { Job = new JobId(new string('ü', 128)) });

        string key = ActuationDesk.KeyOf(entry);

        key.Length.Should().BeLessThanOrEqualTo(64);
        DrainMark.TryReadKey(DrainMark.Prefix + key, out string? read).Should().BeTrue();
        read.Should().Be(key);
    }

    private static WorkerEvicted Evicted(string node, int slot) => new(Job, default, 5, new WorkerId(new NodeId(node), $"GPU-{slot}"), slot, "H100", "slow");

    private static WorkerReadmitted Readmitted(string node, int slot) =>
        new(Job, default, 9, new WorkerId(new NodeId(node), $"GPU-{slot}"), slot, "H100", "well");

    private static PlanDecided Regroup(MitigationKind kind, int generation) => new(
        Job, new Generation(generation - 1), 5, kind, new JobPlan(new PlanEpoch(generation), new Generation(generation), [4, -1]), 1, 1, "regroup");

    private static ActuationDone Settle(ActuationDesk desk)
    {
        (NodeId node, DesiredNode wish) = desk.Desired().Single();
        return desk.Outcome(new NodeStanding(node, wish, ReconcileState.Settled, "so it is"))!;
    }

    /// <summary>Everything that is due is asked for and done.</summary>
    private void Serve(ActuationDesk desk)
    {
        Put(desk, [.. desk.Due(_ => true)]);
        while (desk.Desired().Count > 0)
        {
            Put(desk, Settle(desk));
        }
    }

    private void Put(ActuationDesk desk, params LedgerDecision[] decisions)
    {
        foreach (LedgerDecision decision in decisions)
        {
            var entry = new LedgerEntry(_entries.Count + 1, At, decision);
            _entries.Add(entry);
            desk.Apply(entry);
        }
    }

    private ActuationDesk AgainFromTheLedger(NodeNaming naming)
    {
        var desk = new ActuationDesk(naming);
        _entries.ForEach(desk.Apply);
        return desk;
    }
}
