using StragglerGuard.Actuators;
using StragglerGuard.Actuators.InJob;
using StragglerGuard.Core;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Actuators.InJob;

public sealed class InJobActuatorTests
{
    private static readonly WorkerId s_worker = new(new NodeId("n1"), "GPU-3");
    private static readonly NodeId s_name = new("n1/GPU-3");

    private readonly ListedWorkers _runner = new(new JobWorker(s_worker, true, "", "h100"), new JobWorker(new WorkerId(new NodeId("n1"), "GPU-4"), false, "out of memory", null));

    [Fact]
    public async Task Reconcile_DrainMoveReadmitTwice_EndsInTheSameState()
    {
        using var actuator = new InJobActuator(_runner);
        for (var time = 0; time < 2; time++)
        {
            await Settle(actuator, new DesiredNode.Drained($"{time}1", "hangs"), ActuationKind.Drain);
            _runner.Workers[0].Should().Be(new JobWorker(s_worker, false, $"stragglerguard:{time}1 hangs", "h100"));

            await Settle(actuator, new DesiredNode.Serve($"{time}2", "a100"), ActuationKind.MoveToPool, ActuationKind.Readmit);
            _runner.Workers[0].Should().Be(new JobWorker(s_worker, true, "", "a100"));

            await Settle(actuator, new DesiredNode.Serve($"{time}3", "h100"), ActuationKind.MoveToPool);
            _runner.Workers[0].Should().Be(new JobWorker(s_worker, true, "", "h100"));
        }
    }

    [Fact]
    public async Task Actions_BeyondTheRunnersAbilities_AreRefusedWithoutAskingIt()
    {
        _runner.Abilities = JobMembershipAbilities.StartWorker;
        using var actuator = new InJobActuator(_runner);

        var drain = await actuator.DrainAsync(s_name, "1", "hangs", default);
        var move = await actuator.MoveAsync(s_name, "a100", "1", default);

        drain.Should().Match<ActuationOutcome>(outcome => outcome.Status == ActuationStatus.Refused && outcome.Reason.Contains("EndWorker"));
        move.Should().Match<ActuationOutcome>(outcome => outcome.Status == ActuationStatus.Refused && outcome.Reason.Contains("AssignPool"));
        _runner.Calls.Should().BeEmpty();
    }

    [Fact]
    public async Task Readmit_OfAWorkerThatEndedByItself_IsTheRunnersOwnAffair()
    {
        using var actuator = new InJobActuator(_runner);

        var outcome = await actuator.ReadmitAsync(new NodeId("n1/GPU-4"), "1", default);

        outcome.Status.Should().Be(ActuationStatus.Refused);
        outcome.Reason.Should().Contain("out of memory");
        (await actuator.DrainAsync(new NodeId("n1"), "1", "hangs", default)).Reason.Should().Be("the job has no worker n1");
        _runner.Calls.Should().BeEmpty();
    }

    [Fact]
    public async Task Drain_WhichTheRunnerCannotCarryOutYet_IsReportedAndStaysDue()
    {
        _runner.Outcome = new ActuationOutcome(ActuationStatus.RetryLater, "the process ignores its signal");
        using var actuator = new InJobActuator(_runner);
        var time = new EagerTime();

        var report = await new PoolReconciler(actuator, new ReconcilerOptions { Rounds = 3 }, time)
            .ReconcileAsync(new Dictionary<NodeId, DesiredNode> { [s_name] = new DesiredNode.Drained("1", "hangs") }, default);

        report.Nodes.Single().Should().Match<NodeStanding>(node => node.State == ReconcileState.Due && node.Reason.Contains("ignores its signal"));
        report.Attempts.Should().HaveCount(3);
    }

    private static async Task Settle(InJobActuator actuator, DesiredNode desired, params ActuationKind[] actions)
    {
        var reconciler = new PoolReconciler(actuator, null, new EagerTime());
        Dictionary<NodeId, DesiredNode> wish = new() { [s_name] = desired };
        var report = await reconciler.ReconcileAsync(wish, default);
        report.IsSettled.Should().BeTrue();
        report.Attempts.Select(attempt => attempt.Kind!.Value).Should().Equal(actions);
        (await reconciler.ReconcileAsync(wish, default)).Attempts.Should().BeEmpty();
    }

    /// <summary>A runner whose workers are entries of a list.</summary>
    private sealed class ListedWorkers(params JobWorker[] workers) : IJobMembership
    {
        public JobMembershipAbilities Abilities { get; set; } =
            JobMembershipAbilities.EndWorker | JobMembershipAbilities.StartWorker | JobMembershipAbilities.AssignPool;

        public IReadOnlyList<JobWorker> Workers => workers;

        public List<string> Calls { get; } = [];

        public ActuationOutcome Outcome { get; set; } = new(ActuationStatus.Done, "done");

        public ValueTask<ActuationOutcome> EndAsync(WorkerId worker, string reason, CancellationToken cancellationToken) =>
            Change($"end {worker}", worker, is_ => is_ with { IsRunning = false, Reason = reason });

        public ValueTask<ActuationOutcome> StartAsync(WorkerId worker, CancellationToken cancellationToken) =>
            Change($"start {worker}", worker, is_ => is_ with { IsRunning = true, Reason = "" });

        public ValueTask<ActuationOutcome> AssignAsync(WorkerId worker, string pool, CancellationToken cancellationToken) =>
            Change($"assign {worker}", worker, is_ => is_ with { Pool = pool });

        private ValueTask<ActuationOutcome> Change(string call, WorkerId worker, Func<JobWorker, JobWorker> change)
        {
            Calls.Add(call);
            if (Outcome.Succeeded)
            {
                var index = Array.FindIndex(workers, entry => entry.Worker == worker);
                workers[index] = change(workers[index]);
            }

            return new(Outcome);
        }
    }
}
