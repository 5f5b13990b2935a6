using StragglerGuard.Collectives;
using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Ilgpu.Tests;

/// <summary>What needs a GPU; skipped with the reason where the machine has none.</summary>
public sealed class GpuDeviceTests
{
    [DeviceFact(IlgpuBackends.Cuda)]
    public void Events_OfWorkUnderWay_AreToldWhenItIsDoneAndNotBefore()
    {
        const int Order = 4096;
        using var device = Machine.Open(IlgpuBackends.Cuda);
        using var a = device.Allocate<float>(Order * Order);
        using var b = device.Allocate<float>(Order * Order);
        using var c = device.Allocate<float>(Order * Order);
        var start = device.RecordEvent();
        for (var i = 0; i < 20; i++)
        {
            device.Gemm(MatrixOperation.None, MatrixOperation.None, Order, Order, Order, 1f, a.All, b.All, 0f, c.All);
        }

        var end = device.RecordEvent();
        device.TryGetElapsedNs(start, end, out _).Should().BeFalse("the host is ahead of twenty products of 137 GFLOP each");
        c.Download(new float[1]);

        device.TryGetElapsedNs(start, end, out var elapsedNs).Should().BeTrue();
        elapsedNs.Should().BeGreaterThan(1_000_000);
    }

    /// <summary>The host's own time around work so long that launching it and hearing of its end are nothing beside it.</summary>
    [DeviceFact(IlgpuBackends.Cuda)]
    public void Events_AroundLongWork_TellTheTimeThatTheHostSees()
    {
        const int Order = 4096;
        using var device = Machine.Open(IlgpuBackends.Cuda);
        using var a = device.Allocate<float>(Order * Order);
        using var b = device.Allocate<float>(Order * Order);
        using var c = device.Allocate<float>(Order * Order);
        var ratios = new List<double>();
        for (var round = 0; round < 5; round++)
        {
            device.Synchronize();
            var beganNs = MonotonicClock.NowNs();
            var start = device.RecordEvent();
            for (var i = 0; i < 40; i++)
            {
                device.Gemm(MatrixOperation.None, MatrixOperation.None, Order, Order, Order, 1f, a.All, b.All, 0f, c.All);
            }

            var end = device.RecordEvent();
            device.Synchronize();
            var hostNs = MonotonicClock.NowNs() - beganNs;
            device.TryGetElapsedNs(start, end, out var elapsedNs).Should().BeTrue();
            ratios.Add((double)elapsedNs / hostNs);
        }

        // Another process may take the host's thread away in one of them.
        ratios.Max().Should().BeInRange(0.95, 1.001);
    }

    [DeviceFact(IlgpuBackends.Cuda)]
    public void Device_OfCuda_SaysItsClassAndItsClock()
    {
        using var device = Machine.Open(IlgpuBackends.Cuda);

        device.DeviceClass.Name.Should().MatchRegex(@" sm_\d+$").And.NotContain("NVIDIA");
        device.Read().ClockMhz.Should().BeGreaterThan(0, "the driver comes with its management library");
    }

    [DeviceTheory(IlgpuBackends.Cuda)]
    [InlineData(512, 512, 512)]
    [InlineData(1000, 777, 1333)]
    public void Gemm_OfManyTiles_EqualsTheHosts(int m, int n, int k)
    {
        var random = new Random(11);
        float[] a = [.. Enumerable.Range(0, m * k).Select(_ => random.NextSingle() - 0.5f)];
        float[] b = [.. Enumerable.Range(0, k * n).Select(_ => random.NextSingle() - 0.5f)];
        using var host = new CpuDevice();
        using var device = Machine.Open(IlgpuBackends.Cuda);

        // Pair by pair: the greatest of differences leaves out those that are no number.
        Product(device, m, n, k, a, b).Zip(Product(host, m, n, k, a, b), (x, y) => Math.Abs(x - y))
            .Should().OnlyContain(difference => difference < 1.2e-7f * k, "seed 11");
    }

    private static float[] Product(IComputeDevice device, int m, int n, int k, float[] a, float[] b)
    {
        using var deviceA = device.Allocate<float>(a.Length);
        using var deviceB = device.Allocate<float>(b.Length);
        using var deviceC = device.Allocate<float>(m * n);
        deviceA.Upload(a);
        deviceB.Upload(b);
        device.Gemm(MatrixOperation.None, MatrixOperation.None, m, n, k, 1f, deviceA.All, deviceB.All, 0f, deviceC.All);
        var c = new float[m * n];
        deviceC.Download(c);
        return c;
    }
}
