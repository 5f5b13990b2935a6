using StragglerGuard.Actuators;
using StragglerGuard.Actuators.Slurm;
using StragglerGuard.Core;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Actuators.Slurm;

namespace StragglerGuard.Tests.Actuators;

public sealed class PoolReconcilerTests : IDisposable
{
    private static readonly NodeId s_n1 = new("n1");
    private static readonly NodeId s_n2 = new("n2");

    private readonly SimulatedSlurm _slurm = new(6, "h100", "a100", "test");
    private readonly SlurmActuator _actuator;
    private readonly EagerTime _time = new();

    public PoolReconcilerTests()
    {
        for (var i = 1; i <= 6; i++)
        {
            _slurm.Put($"n{i}", i <= 3 ? "h100" : "a100");
            _slurm.Put($"n{i}", "test");
        }

        _actuator = new SlurmActuator(_slurm.Options, _slurm);
    }

    public void Dispose() => _actuator.Dispose();

    [Fact]
    public async Task Reconcile_DoesTheLeastThatIsMissing_ThenNothing()
    {
        _slurm.Drain("n2", "stragglerguard:4 slow");
        Dictionary<NodeId, DesiredNode> desired = new()
        {
            [s_n1] = new DesiredNode.Drained("5", "slow"),
            [s_n2] = new DesiredNode.Serve("6", "a100"),
            [new NodeId("n3")] = new DesiredNode.Serve("6", "h100"),
            [new NodeId("n4")] = new DesiredNode.Serve("6", null),
        };

        var report = await Reconcile(desired);
        var again = await Reconcile(desired);

        report.IsSettled.Should().BeTrue();
        report.Attempts.Select(attempt => (attempt.Node.Value, attempt.Kind, attempt.ActionKey, attempt.Pool)).Should().Equal(
            ("n1", ActuationKind.Drain, "5", null), ("n2", ActuationKind.MoveToPool, "6", "a100"), ("n2", ActuationKind.Readmit, "6", null));
        _slurm.Changes.Should().Equal(
            "NodeName=n1 State=DRAIN Reason=stragglerguard:5 slow",
            "PartitionName=a100 Nodes=n[2,4-6]",
            "PartitionName=h100 Nodes=n[1,3]",
            "NodeName=n2 State=UNDRAIN");
        again.Attempts.Should().BeEmpty();
        again.IsSettled.Should().BeTrue();
        _time.Waits.Should().BeEmpty();
    }

    [Fact]
    public async Task Reconcile_WhenCommandsFail_BacksOffReportsAndFinishes()
    {
        var failuresLeft = 3;
        _slurm.Before = text => text.StartsWith("update", StringComparison.Ordinal) && failuresLeft-- > 0
            ? new CommandResult(1, "", SimulatedSlurm.Unreachable)
            : null;

        var report = await Reconcile(new() { [s_n1] = new DesiredNode.Drained("5", "slow") });

        report.IsSettled.Should().BeTrue();
        report.Attempts.Select(attempt => (attempt.Round, attempt.Outcome.Status)).Should().Equal(
            (0, ActuationStatus.RetryLater), (1, ActuationStatus.RetryLater), (2, ActuationStatus.RetryLater), (3, ActuationStatus.Done));
        report.Attempts[0].Outcome.Reason.Should().Contain("Unable to contact slurm controller");
        _time.Waits.Select(wait => wait.TotalSeconds).Should().Equal(0.5, 1, 2);
    }

    [Fact]
    public async Task Reconcile_WhenNothingCanBeRead_GivesUpWithinItsRoundsAndKeepsAllDue()
    {
        _slurm.Before = _ => new CommandResult(null, "", "scontrol took longer than 15 s and was ended");
        List<ActuationAttempt> seen = [];

        var report = await new PoolReconciler(_actuator, new ReconcilerOptions { Rounds = 3 }, _time, seen.Add).ReconcileAsync(
            new Dictionary<NodeId, DesiredNode> { [s_n1] = new DesiredNode.Drained("5", "slow"), [s_n2] = new DesiredNode.Serve("6", "a100") }, default);

        report.Nodes.Should().HaveCount(2).And.OnlyContain(
            node => node.State == ReconcileState.Due && node.Reason == "not read: scontrol took longer than 15 s and was ended");
        report.Attempts.Should().HaveCount(3).And.Equal(seen);
        _time.Waits.Should().HaveCount(2);
        _slurm.Changes.Should().BeEmpty();
    }

    [Fact]
    public async Task Reconcile_WhenOneIsRefused_DoesTheOthersAndDoesNotInsist()
    {
        _slurm.Before = text => text.Contains("NodeName=n1", StringComparison.Ordinal)
            ? new CommandResult(1, "", "slurm_update error: Access/permission denied")
            : null;

        var report = await Reconcile(new() { [s_n1] = new DesiredNode.Drained("5", "slow"), [s_n2] = new DesiredNode.Drained("5", "slow") });

        report.Nodes.Select(node => node.State).Should().Equal(ReconcileState.Due, ReconcileState.Settled);
        report.Nodes[0].Reason.Should().Contain("permission denied");
        report.Attempts.Select(attempt => attempt.Outcome.Status).Should().Equal(ActuationStatus.Refused, ActuationStatus.Done);
        _time.Waits.Should().BeEmpty();
    }

    [Fact]
    public async Task Reconcile_WhenSomeoneUndoesItEveryTime_EndsWithinItsRounds()
    {
        _slurm.After = text =>
        {
            if (text.Contains("State=DRAIN", StringComparison.Ordinal))
            {
                _slurm.Resume("n1");
            }
        };

        var report = await Reconcile(new() { [s_n1] = new DesiredNode.Drained("5", "slow") });

        report.Nodes.Single().State.Should().Be(ReconcileState.Due);
        report.Nodes.Single().Reason.Should().Contain("someone undrained it");
        report.Attempts.Should().HaveCount(5);
        _time.Waits.Should().HaveCount(4);
    }

    [Fact]
    public async Task Reconcile_InItsLastRound_StillReadsBackWhatItDid()
    {
        var report = await new PoolReconciler(_actuator, new ReconcilerOptions { Rounds = 1 }, _time).ReconcileAsync(
            new Dictionary<NodeId, DesiredNode> { [s_n1] = new DesiredNode.Drained("5", "slow") }, default);

        report.IsSettled.Should().BeTrue();
        report.Attempts.Should().ContainSingle();
    }

    [Fact]
    public async Task Reconcile_WhenAPartitionIsOverwrittenMeanwhile_MovesAgain()
    {
        var isFirst = true;
        _slurm.After = text =>
        {
            // Another guardian read the partition before us and writes it after us.
            if (isFirst && text.Contains("PartitionName=a100", StringComparison.Ordinal))
            {
                isFirst = false;
                _slurm.RunAsync("scontrol", ["update", "PartitionName=a100", "Nodes=n[4-6]"], null, default).AsTask().Wait();
            }
        };

        var report = await Reconcile(new() { [s_n2] = new DesiredNode.Serve("6", "a100") });

        report.IsSettled.Should().BeTrue();
        _slurm.Describe("n2").Should().Be("n2 serving in a100+test");
    }

    [Fact]
    public async Task Reconcile_WhenCancelled_StopsAndLeavesTheRestToTheNext()
    {
        using var cancellation = new CancellationTokenSource();
        Dictionary<NodeId, DesiredNode> desired = new() { [s_n1] = new DesiredNode.Drained("5", "slow"), [s_n2] = new DesiredNode.Drained("5", "slow") };
        var reconciler = new PoolReconciler(_actuator, null, _time, _ => cancellation.Cancel());

        await FluentActions.Awaiting(() => reconciler.ReconcileAsync(desired, cancellation.Token).AsTask()).Should().ThrowAsync<OperationCanceledException>();
        var rest = await Reconcile(desired);

        rest.Attempts.Should().ContainSingle().Which.Node.Should().Be(s_n2);
        rest.IsSettled.Should().BeTrue();
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a\nReason=x")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123456789")]
    public async Task Reconcile_WithAMalformedKey_Throws(string key) =>
        await FluentActions.Awaiting(() => Reconcile(new() { [s_n1] = new DesiredNode.Drained(key, "slow") })).Should().ThrowAsync<ArgumentException>();

    /// <summary>Any state, any wish, failures at random, two at once: it ends where it should, and touches nothing else.</summary>
    [Fact]
    public async Task Reconcile_FromAnyStateWithFailuresAndARival_ConvergesAndTouchesNothingElse()
    {
        for (var seed = 1; seed <= 60; seed++)
        {
            var random = new Random(seed);
            var slurm = new SimulatedSlurm(6, "h100", "a100", "b200", "test");
            string[] pools = ["h100", "a100", "b200"];
            Dictionary<NodeId, DesiredNode> desired = [];
            for (var i = 1; i <= 6; i++)
            {
                Scatter(slurm, random, pools, $"n{i}");
                if (random.Next(4) > 0)
                {
                    desired[new NodeId($"n{i}")] = random.Next(2) == 0
                        ? new DesiredNode.Drained($"{seed}", "slow")
                        : new DesiredNode.Serve($"{seed}", random.Next(4) == 0 ? null : pools[random.Next(3)]);
                }
            }

            var isUntouched = Enumerable.Range(1, 6).Select(i => $"n{i}").Where(
                name => !desired.TryGetValue(new NodeId(name), out var wish) || slurm.Describe(name).Contains("by Kim", StringComparison.Ordinal)).ToArray();
            var before = isUntouched.Select(slurm.Describe).ToArray();
            slurm.Before = _ => Monitor(random) ? new CommandResult(1, "", SimulatedSlurm.Unreachable) : null;
            using var one = new SlurmActuator(slurm.Options, slurm);
            using var two = new SlurmActuator(slurm.Options, slurm);
            ReconcilerOptions patient = new() { Rounds = 100 };

            await Task.WhenAll(
                Task.Run(async () => await new PoolReconciler(one, patient, new EagerTime()).ReconcileAsync(desired, default)),
                Task.Run(async () => await new PoolReconciler(two, patient, new EagerTime()).ReconcileAsync(desired, default)));
            var last = await new PoolReconciler(one, patient, new EagerTime()).ReconcileAsync(desired, default);
            var state = slurm.State;
            var again = await new PoolReconciler(two, patient, new EagerTime()).ReconcileAsync(desired, default);

            last.Nodes.Should().OnlyContain(node => node.State != ReconcileState.Due, "seed {0}: {1}", seed, string.Join("; ", last.Nodes));
            isUntouched.Select(slurm.Describe).Should().Equal(before, "seed {0}", seed);
            again.Attempts.Where(attempt => attempt.Kind is not null).Should().BeEmpty("seed {0}", seed);
            slurm.State.Should().Be(state, "seed {0}", seed);
            foreach (var (node, wish) in desired.Where(pair => !isUntouched.Contains(pair.Key.Value)))
            {
                slurm.Describe(node.Value).Should().Match(
                    wish is DesiredNode.Serve serve ? $"{node} serving in {(serve.Pool is null ? "*" : serve.Pool + "+")}test" : $"{node} drained \"stragglerguard:*", "seed {0}", seed);
            }
        }
    }

    private static bool Monitor(Random random)
    {
        lock (random)
        {
            return random.Next(10) == 0;
        }
    }

    private static void Scatter(SimulatedSlurm slurm, Random random, string[] pools, string node)
    {
        slurm.Put(node, "test");
        foreach (var pool in pools.Where(_ => random.Next(3) == 0))
        {
            slurm.Put(node, pool);
        }

        switch (random.Next(4))
        {
            case 0:
                slurm.Drain(node, "stragglerguard:1 slow before");
                break;
            case 1:
                slurm.Drain(node, "taken out by Kim");
                break;
        }
    }

    private async Task<ReconcileReport> Reconcile(Dictionary<NodeId, DesiredNode> desired) =>
        await new PoolReconciler(_actuator, null, _time).ReconcileAsync(desired, default);
}
