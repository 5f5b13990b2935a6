using System.Net;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.Tests.Hosting;

public sealed class GuardHostTests
{
    private const int World = 3;
    private const int Steps = 30;
    private static readonly StragglerGuardOptions Options = new()
    {
        Job = "llm-7b",
        Mode = PolicyMode.Act,
        Agent = new AgentSection { IntervalMs = 10 },
    };


    [Fact]
    public async Task Host_OfThreeRanks_JudgesTheirJobToTheEnd()
    {
        await using var host = GuardHost.Start(Options);

        RunRanks((rank, communicator) => host.Join(new DeviceClass("H100"), communicator, microBatches: 9));

        (await host.Guardian.JobEndedAsync(new JobId("llm-7b"), Patience.Limit)).Should().BeTrue();
        var status = host.Guardian.Status(new JobId("llm-7b"))!;
        status.LastStep.Should().Be(Steps - 1);
        status.Frames.CompleteFrames.Should().Be(Steps);
        status.Frames.Missing.Should().Be(0);
        status.RecordsLost.Should().Be(0);
        status.ExitSkewSeconds.Should().NotBeNull("the ranks measured it");
        status.Ranks.Select(rank => rank.MicroBatches).Should().Equal(3, 3, 3);
        host.FabricEndpoint.Should().BeNull();
    }

    [Fact]
    public async Task Host_ThatServesOtherProcesses_JudgesWhatTheirAgentsReport()
    {
        await using var host = await GuardHost.ServeAsync(Options, IPAddress.Loopback, port: 0, "a token of the tests");
        var fabrics = Enumerable.Range(0, World)
            .Select(_ => new WebSocketAgentFabric(host.FabricEndpoint!, "a token of the tests")).ToList();
        var agents = fabrics.Select((fabric, rank) => new NodeAgent(fabric, new NodeId($"node-{rank}"), Options.Agent)).ToList();

        RunRanks((rank, communicator) => agents[rank].Join(
            RankEnrollment.DataParallel(new JobId("llm-7b"), new NodeId($"node-{rank}"), new DeviceClass("H100"), communicator, 9),
            communicator));

        // The agents stay until all is told: a machine that is too busy to connect within their time for leaving is no fault of theirs.
        (await host.Guardian.JobEndedAsync(new JobId("llm-7b"), Patience.Limit)).Should().BeTrue();
        agents.ForEach(agent => agent.Dispose());
        host.Guardian.Status(new JobId("llm-7b"))!.Frames.CompleteFrames.Should().Be(Steps);
        foreach (var fabric in fabrics)
        {
            await fabric.DisposeAsync().AsTask().WaitAsync(Patience.Limit);
        }
    }

    [Fact]
    public async Task Join_OfAHostThatServesOtherProcesses_Throws()
    {
        await using var host = await GuardHost.ServeAsync(Options, IPAddress.Loopback, port: 0, "a token of the tests");
        using var transport = InProcessGroup.Create(1).Transports[0];
        using var communicator = new Communicator(transport, new CpuDevice());

        host.Invoking(h => h.Join(new DeviceClass("H100"), communicator, 1))
            .Should().Throw<InvalidOperationException>().WithMessage("*NodeAgent*");
    }

    [Fact]
    public async Task Join_WithFewerMicroBatchesThanRanks_Throws()
    {
        await using var host = GuardHost.Start(Options);
        using var transport = InProcessGroup.Create(4).Transports[0];
        using var communicator = new Communicator(transport, new CpuDevice());

        host.Invoking(h => h.Join(new DeviceClass("H100"), communicator, 3)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task Start_WithOptionsOutOfRange_ThrowsNamingEach()
    {
        var bad = Options with { Job = "", Agent = new AgentSection { IntervalMs = 1, RingSlots = 100 } };

        FluentActions.Invoking(() => GuardHost.Start(bad)).Should().Throw<ArgumentException>()
            .Which.Message.Should().ContainAll("job", "intervalMs", "ringSlots");
        await FluentActions.Awaiting(() => GuardHost.ServeAsync(bad, IPAddress.Loopback, 0, "token"))
            .Should().ThrowAsync<ArgumentException>();
        FluentActions.Invoking(() => GuardHost.Start(null!)).Should().Throw<ArgumentNullException>();
    }

    [Fact]
    public async Task Metrics_OfARunningJob_AreServed()
    {
        await using var host = GuardHost.Start(Options);
        await using MetricsEndpoint metrics = await host.ServeMetricsAsync(IPAddress.Loopback, 0);
        using var client = new HttpClient { BaseAddress = new Uri($"http://{metrics.Endpoint}"), Timeout = Patience.Limit };
        using var hold = new ManualResetEventSlim();
        var ranks = Task.Run(() => RunRanks(
            (rank, communicator) => host.Join(new DeviceClass("H100"), communicator, microBatches: 9),
            atTheEnd: () => hold.Wait(Patience.Limit)));

        // The guardian shows a job a few times a second: ask until it does.
        string page = "";
        using var limit = new CancellationTokenSource(Patience.Limit);
        while (!page.Contains("job=\"llm-7b\"", StringComparison.Ordinal))
        {
            page = await client.GetStringAsync(new Uri("/metrics", UriKind.Relative), limit.Token);
        }

        hold.Set();
        await ranks;
        page.Should().Contain("rank=\"2\"").And.Contain("H100");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Dispose_InAnyOrderAndTwice_ComesBackAndTheRankGoesOn(int order)
    {
        var host = GuardHost.Start(Options);
        MetricsEndpoint metrics = await host.ServeMetricsAsync(IPAddress.Loopback, 0);
        using var transport = InProcessGroup.Create(1).Transports[0];
        using var communicator = new Communicator(transport, new CpuDevice());
        RankGuard rank = host.Join(new DeviceClass("H100"), communicator, microBatches: 4);
        Step(rank);
        Func<ValueTask> disposeRank = () =>
        {
            rank.Dispose();
            return ValueTask.CompletedTask;
        };
        Func<ValueTask>[] parts = [disposeRank, host.DisposeAsync, metrics.DisposeAsync];
        int[][] orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        bool rankIsThere = true;

        foreach (int part in orders[order].Concat(orders[order]))
        {
            rankIsThere &= part != 0;
            await parts[part]().AsTask().WaitAsync(Patience.Limit);
            if (rankIsThere)
            {
                Step(rank);
            }
        }

        static void Step(RankGuard rank)
        {
            rank.BeginStep().Count.Should().Be(4);
            rank.Vote(3).Should().Be(3);
        }
    }

    /// <summary>A short job whose ranks are threads.</summary>
    private static void RunRanks(Func<int, Communicator, RankGuard> join, Action? atTheEnd = null)
    {
        var group = InProcessGroup.Create(World);
        var failures = new Exception?[World];
        var threads = Enumerable.Range(0, World).Select(rank => new Thread(() =>
        {
            using var transport = group.Transports[rank];
            try
            {
                using var communicator = new Communicator(transport, new CpuDevice());
                using RankGuard guard = join(rank, communicator);
                for (int step = 0; step < Steps; step++)
                {
                    guard.BeginStep();
                    guard.Vote(1).Should().Be(World);
                }

                atTheEnd?.Invoke();
            }
            catch (Exception e)
            {
                failures[rank] = e;
                transport.Abort(e.Message);
            }
        })
        { IsBackground = true }).ToList();
        threads.ForEach(thread => thread.Start());
        threads.Select(thread => thread.Join(Patience.Limit)).Should().Equal([true, true, true], "every rank comes back");
        failures.Should().Equal([null, null, null]);
    }
}
