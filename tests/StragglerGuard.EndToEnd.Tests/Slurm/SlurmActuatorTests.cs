using StragglerGuard.Actuators;
using StragglerGuard.Actuators.Slurm;
using StragglerGuard.Core;
using StragglerGuard.Ledger;

namespace StragglerGuard.EndToEnd.Tests.Slurm;

[Collection(SharedSlurmCluster.Name)]
public sealed class SlurmActuatorTests(SlurmCluster cluster) : IAsyncLifetime, IDisposable
{
    private static readonly ReconcilerOptions s_quick = new() { Rounds = 4, FirstDelay = TimeSpan.FromMilliseconds(20), LongestDelay = TimeSpan.FromSeconds(1) };
    private static readonly NodeId s_n2 = new("n2");

    private readonly SlurmActuator _actuator = new(cluster.Options);

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>Leaves the cluster as it began.</summary>
    public async Task DisposeAsync()
    {
        if (SlurmCluster.SkipReason is not null)
        {
            return;
        }

        foreach (var line in (await cluster.StateAsync()).Where(line => line.Contains(" drain", StringComparison.Ordinal) || line.Contains(" down", StringComparison.Ordinal)))
        {
            // A node is listed once for each of its partitions; the second time it is back, which RESUME takes for a mistake.
            var node = line.Split(' ')[0];
            var record = await cluster.RunAsync("scontrol", ["-o", "show", "node", node]);
            if (record.Contains("DRAIN", StringComparison.Ordinal) || record.Contains("State=DOWN", StringComparison.Ordinal))
            {
                await cluster.RunAsync("scontrol", ["update", $"NodeName={node}", "State=RESUME"]);
            }
        }

        await cluster.RunAsync("scontrol", ["update", "PartitionName=gpu-h100", "Nodes=n[1-3]"]);
        await cluster.RunAsync("scontrol", ["update", "PartitionName=gpu-a100", "Nodes=n[4-5]"]);
    }

    public void Dispose() => _actuator.Dispose();

    [SlurmFact]
    public async Task Reconcile_DrainMoveReadmitTwice_EndsInTheSameState()
    {
        var beginning = await cluster.StateAsync();
        List<string[]> drained = [], moved = [];
        for (var time = 0; time < 2; time++)
        {
            await SettleAsync(new DesiredNode.Drained($"job-{time}1", "GPU at 1.7x of its peers"), ActuationKind.Drain);
            drained.Add(await cluster.StateAsync());

            await SettleAsync(new DesiredNode.Serve($"job-{time}2", "a100"), ActuationKind.MoveToPool, ActuationKind.Readmit);
            moved.Add(await cluster.StateAsync());

            await SettleAsync(new DesiredNode.Serve($"job-{time}3", "h100"), ActuationKind.MoveToPool);
            (await cluster.StateAsync()).Should().Equal(beginning);
        }

        drained[0].Where(line => line.StartsWith("n2 ", StringComparison.Ordinal)).Should().Equal(
            "n2 drained everything stragglerguard:job-01 GPU at 1.7x of its peers",
            "n2 drained gpu-h100 stragglerguard:job-01 GPU at 1.7x of its peers");
        drained[1].Should().Equal(drained[0].Select(line => line.Replace("job-01", "job-11", StringComparison.Ordinal)));
        moved[0].Where(line => line.StartsWith("n2 ", StringComparison.Ordinal)).Should().Equal("n2 idle everything none", "n2 idle gpu-a100 none");
        moved[1].Should().Equal(moved[0]);
    }

    [SlurmFact]
    public async Task Reconcile_OfANodeThatAPersonDrained_LeavesItAndSaysSo()
    {
        await cluster.RunAsync("scontrol", ["update", "NodeName=n3", "State=DRAIN", "Reason=fan replaced, ask Kim"]);
        var before = await cluster.StateAsync();

        var report = await ReconcileAsync(new() { [new NodeId("n3")] = new DesiredNode.Serve("7", "a100") });

        report.Attempts.Should().BeEmpty();
        report.Nodes.Should().ContainSingle().Which.State.Should().Be(ReconcileState.HeldByOthers);
        report.Nodes[0].Reason.Should().Contain("fan replaced, ask Kim");
        (await _actuator.ReadmitAsync(new NodeId("n3"), "8", default)).Status.Should().Be(ActuationStatus.Refused);
        (await _actuator.DrainAsync(new NodeId("n3"), "9", "slow", default)).Status.Should().Be(ActuationStatus.AlreadySo);
        (await cluster.StateAsync()).Should().Equal(before);
    }

    [SlurmFact]
    public async Task Reconcile_OfANodeThatWentDownWhileItWasDrained_LiftsTheDrainAndLeavesItDown()
    {
        var n3 = new NodeId("n3");
        (await _actuator.DrainAsync(n3, "5", "slow", default)).Status.Should().Be(ActuationStatus.Done);
        await cluster.RunAsync("scontrol", ["update", "NodeName=n3", "State=DOWN", "Reason=stragglerguard:5 slow"]);

        var report = await ReconcileAsync(new() { [n3] = new DesiredNode.Serve("6", "h100") });

        report.Attempts.Should().ContainSingle().Which.Outcome.Reason.Should().Be("undrained, but it is down");
        report.Nodes.Single().Should().Match<NodeStanding>(
            node => node.State == ReconcileState.HeldByOthers && node.Reason.Contains("\"down: stragglerguard:5 slow\""));
        (await _actuator.DrainAsync(n3, "7", "slow", default)).Status.Should().Be(ActuationStatus.AlreadySo);
        (await _actuator.ReadmitAsync(n3, "8", default)).Status.Should().Be(ActuationStatus.Refused);
        (await cluster.StateAsync()).Should().Contain("n3 down gpu-h100 stragglerguard:5 slow");
    }

    [SlurmFact]
    public async Task Actions_OnNamesThatSlurmReadsAsManyNodes_AreRefused()
    {
        var before = await cluster.StateAsync();
        foreach (var name in new[] { "ALL", "all", "n[1-3]", "n1,n2", "n9", "n1 State=DOWN" })
        {
            var node = new NodeId(name);
            (await _actuator.DrainAsync(node, "1", "slow", default)).Status.Should().Be(ActuationStatus.Refused, name);
            (await _actuator.MoveAsync(node, "a100", "1", default)).Status.Should().Be(ActuationStatus.Refused, name);
            (await _actuator.ReadmitAsync(node, "1", default)).Status.Should().Be(ActuationStatus.Refused, name);
        }

        (await _actuator.MoveAsync(s_n2, "everything", "1", default)).Status.Should().Be(ActuationStatus.Refused, "it is a partition, but no pool");
        var report = await ReconcileAsync(new() { [new NodeId("n9")] = new DesiredNode.Drained("1", "slow") });
        report.Nodes.Should().ContainSingle().Which.Should().Match<NodeStanding>(
            node => node.State == ReconcileState.Due && node.Reason.Contains("no such node"));
        (await cluster.StateAsync()).Should().Equal(before);
    }

    [SlurmFact]
    public async Task Reconcile_OfTwoGuardiansAtOnce_ReachesTheOneState()
    {
        using var other = new SlurmActuator(cluster.Options);
        Dictionary<NodeId, DesiredNode> desired = new()
        {
            [new NodeId("n1")] = new DesiredNode.Serve("21", "a100"),
            [s_n2] = new DesiredNode.Drained("22", "slow"),
            [new NodeId("n4")] = new DesiredNode.Serve("23", "h100"),
        };

        await Task.WhenAll(
            Task.Run(async () => await new PoolReconciler(_actuator, s_quick).ReconcileAsync(desired, default)),
            Task.Run(async () => await new PoolReconciler(other, s_quick).ReconcileAsync(desired, default)));

        var after = await ReconcileAsync(desired);
        after.IsSettled.Should().BeTrue(string.Join("; ", after.Nodes));
        (await cluster.StateAsync()).Where(line => !line.Contains("everything", StringComparison.Ordinal)).Should().Equal(
            "n1 idle gpu-a100 none",
            "n2 drained gpu-h100 stragglerguard:22 slow",
            "n3 idle gpu-h100 none",
            "n4 idle gpu-h100 none",
            "n5 idle gpu-a100 none");
    }

    [SlurmFact]
    public async Task Reconcile_WhileTheControllerIsDown_RetriesReportsAndLosesNothing()
    {
        Dictionary<NodeId, DesiredNode> desired = new()
        {
            [s_n2] = new DesiredNode.Drained("31", "slow"),
            [new NodeId("n5")] = new DesiredNode.Serve("32", "h100"),
        };

        // Commands that wait for a controller are cut off: the test has seen enough after a second.
        using var hasty = new SlurmActuator(cluster.Options with { CommandTimeout = TimeSpan.FromSeconds(1) });
        await cluster.StopControllerAsync();
        var down = await new PoolReconciler(hasty, s_quick with { Rounds = 2 }).ReconcileAsync(desired, default);

        down.Nodes.Should().HaveCount(2).And.OnlyContain(node => node.State == ReconcileState.Due && node.Reason.StartsWith("not read: scontrol"));
        down.Attempts.Should().HaveCount(2).And.OnlyContain(attempt => attempt.Outcome.Status == ActuationStatus.RetryLater);

        // The same call that meets the controller down ends well when it comes back.
        List<ActuationAttempt> seen = [];
        var reconciler = new PoolReconciler(hasty, s_quick with { Rounds = 20 }, attempted: attempt =>
        {
            if (seen.Count == 0)
            {
                cluster.StartController();
            }

            seen.Add(attempt);
        });
        var up = await reconciler.ReconcileAsync(desired, default);

        up.IsSettled.Should().BeTrue(string.Join("; ", up.Nodes));
        seen[0].Outcome.Status.Should().Be(ActuationStatus.RetryLater);
        (await cluster.StateAsync()).Should().Contain(["n2 drained gpu-h100 stragglerguard:31 slow", "n5 idle gpu-h100 none"]);
        up.Attempts.Should().Equal(seen);
    }

    private async Task SettleAsync(DesiredNode desired, params ActuationKind[] actions)
    {
        var report = await ReconcileAsync(new() { [s_n2] = desired });
        report.IsSettled.Should().BeTrue(string.Join("; ", report.Nodes));
        report.Attempts.Select(attempt => attempt.Kind!.Value).Should().Equal(actions);
        report.Attempts.Should().OnlyContain(attempt => attempt.Outcome.Status == ActuationStatus.Done);

        var again = await ReconcileAsync(new() { [s_n2] = desired });
        again.IsSettled.Should().BeTrue();
        again.Attempts.Should().BeEmpty();
    }

    private async Task<ReconcileReport> ReconcileAsync(Dictionary<NodeId, DesiredNode> desired) =>
        await new PoolReconciler(_actuator, s_quick).ReconcileAsync(desired, default);
}
