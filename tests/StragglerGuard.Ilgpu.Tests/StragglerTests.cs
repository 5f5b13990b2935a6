using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Tests.Transports;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;

namespace StragglerGuard.Ilgpu.Tests;

/// <summary>A rank whose device is kept busy by foreign kernels, among ranks that share the GPU with it, is found by the guard.</summary>
public sealed class StragglerTests
{
    private const int Ranks = 4;
    private const int Steps = 180;
    private const int BusyFrom = 60;
    private const int Busy = 2;

    [DeviceTheory(IlgpuBackends.Cuda)]
    [InlineData(false)]
    [InlineData(true)]
    public Task Rank_OnAGpuWhoseMultiprocessorsAreKeptBusy_IsFound(bool byDeviceClock) =>
        Check(IlgpuBackends.Cuda, order: 2048, microBatches: 2, foreign: 4, byDeviceClock);

    // Emulated: the simulator's kernels, and a foreign one that keeps the simulated device busy. Simulated devices are threads: so that one does
    // not take the cores of another, which no device does, ranks compute one after the other.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Rank_OnASimulatorThatIsKeptBusy_IsFound(bool byDeviceClock) =>
        Check(IlgpuBackends.Simulator, order: 48, microBatches: 2, foreign: 12, byDeviceClock, inTurn: true);

    private static async Task Check(IlgpuBackends backend, int order, int microBatches, int foreign, bool byDeviceClock, bool inTurn = false)
    {
        var options = new StragglerGuardOptions { Job = "busy", Mode = PolicyMode.Observe };
        await using var guard = GuardHost.Start(options);
        SemaphoreSlim[] turns = [.. Enumerable.Range(0, Ranks).Select(rank => new SemaphoreSlim(rank == 0 ? 1 : 0))];
        RankThreads.Run(InProcessGroup.Create(Ranks).Transports, transport =>
        {
            using var device = Machine.Open(backend);
            using var communicator = new Communicator(transport, device);
            using var a = device.Allocate<float>(order * order);
            using var b = device.Allocate<float>(order * order);
            using var gradients = device.Allocate<float>(order * order);
            using var foreignResult = device.Allocate<float>(order * order);
            var seen = new float[1];
            using RankGuard rank = guard.Join(device.DeviceClass, communicator, Ranks * microBatches);
            if (byDeviceClock)
            {
                rank.TimeOn(device);
            }

            for (var step = 0; step < Steps; step++)
            {
                MicroBatchRange work = rank.BeginStep();
                if (inTurn)
                {
                    // Not its device's time.
                    rank.BeginDataWait();
                    turns[transport.Rank.Value].Wait(TimeSpan.FromSeconds(30)).Should().BeTrue();
                    rank.EndDataWait();
                }

                for (var k = 0; k < work.Count; k++)
                {
                    // In the rank's own stream: in another of a GPU that all ranks share they would take from all alike.
                    for (var i = 0; i < foreign && transport.Rank.Value == Busy && step >= BusyFrom; i++)
                    {
                        device.Gemm(MatrixOperation.None, MatrixOperation.None, order, order, order, 1f, a.All, b.All, 0f, foreignResult.All);
                    }

                    device.Gemm(MatrixOperation.None, MatrixOperation.None, order, order, order, 1f, a.All, b.All, 1f, gradients.All);
                }

                if (!byDeviceClock || inTurn)
                {
                    // What a step computed is there when the host times it, and when it is the next one's turn.
                    gradients.Download(seen);
                }

                if (inTurn)
                {
                    turns[(transport.Rank.Value + 1) % Ranks].Release();
                }

                rank.Vote(work.Count);
                communicator.AllReduce(gradients.All);
            }
        });

        (await guard.Guardian.JobEndedAsync(new JobId("busy"), TimeSpan.FromSeconds(30))).Should().BeTrue("all ranks have left");
        JobStatus status = guard.Guardian.Status(new JobId("busy"))!;
        // Against its own history, or against its peers where jitter was seen first: either says who it is, and since when.
        var accused = status.Verdicts.Where(verdict => verdict.AccusesRank && verdict.OnsetStep >= BusyFrom - 5).ToList();
        var verdicts = string.Join("; ", status.Verdicts);
        accused.Should().Contain(verdict => verdict.Rank == new Rank(Busy) && verdict.Slowdown > 1.5, verdicts);

        // Cores that others use too may make a rank slow in earnest, which is told; but nobody else is made out to be what the busy one is.
        double found = accused.Where(verdict => verdict.Rank == new Rank(Busy)).Max(verdict => verdict.Slowdown);
        status.Verdicts.Where(verdict => verdict.AccusesRank && verdict.Rank != new Rank(Busy))
            .Should().NotContain(verdict => !(verdict.Slowdown < Math.Max(1.5, found / 2)), verdicts);
    }
}
