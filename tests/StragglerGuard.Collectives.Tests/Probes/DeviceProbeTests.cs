using System.Numerics;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Probes;
using StragglerGuard.Collectives.Tests.Devices;
using StragglerGuard.Core;
using StragglerGuard.Core.Probing;

namespace StragglerGuard.Collectives.Tests.Probes;

public sealed class CpuDeviceProbeTests : DeviceProbeBody
{
    protected override IComputeDevice CreateDevice() => new CpuDevice();
}

public sealed class DistantDeviceProbeTests : DeviceProbeBody
{
    protected override IComputeDevice CreateDevice() => new DistantDevice();
}

public sealed class DeviceProbeTests
{
    private static readonly ProbeOptions Brief = new() { TimeLimit = TimeSpan.FromMilliseconds(50), MatrixOrder = 96, MemoryBytes = 1 << 20 };

    [Fact]
    public void Figures_OnADeviceWithAClockOfItsOwn_AreBuiltOnThatClock()
    {
        using var device = new TimedDevice(1_000_000);
        GemmRateProbe.Measure(device, Brief).GFlopPerSecond.Median.Should().BeApproximately(2.0 * 96 * 96 * 96 / 1e6, 1e-9);
        MemoryBandwidthProbe.Measure(device, Brief).GBPerSecond.Median.Should().BeApproximately(2.0 * (1 << 20) / 1e6, 1e-9);
    }

    [Fact]
    public void Figures_OnADeviceThatDoesNotTellInTime_AreBuiltOnTheHostsClock()
    {
        using var device = new TimedDevice(1_000_000) { Tells = false };
        var figure = GemmRateProbe.Measure(device, Brief).GFlopPerSecond;
        figure.IsKnown.Should().BeTrue();
        figure.Median.Should().NotBeApproximately(2.0 * 96 * 96 * 96 / 1e6, 1e-9);
    }

    [Theory]
    [InlineData(1_000_000, 0)]
    [InlineData(1_080_000, 0)]
    [InlineData(1_150_000, 1.15)]
    [InlineData(2_000_000, 2)]
    public void ADevice_AmongItsLike_IsJudgedByWhatItTakes(long operationNs, double factor)
    {
        var peers = new List<DeviceProbeReading>();
        for (var peer = 0; peer < 3; peer++)
        {
            using var like = new TimedDevice(990_000 + (10_000 * peer));
            peers.Add(Probe(like));
        }

        using var own = new TimedDevice(operationNs);
        var verdict = new ProbeJudge().Device(Probe(own), peers);
        if (factor == 0)
        {
            verdict.Should().BeOfType<ProbeVerdict.Fit>(verdict.Reason);
        }
        else
        {
            verdict.Should().BeOfType<ProbeVerdict.Slow>(verdict.Reason).Which.Factor.Should().BeApproximately(factor, 1e-6);
        }
    }

    [Fact]
    public void Options_OutOfRange_AreRefused()
    {
        using var device = new CpuDevice();
        foreach (var options in new[]
        {
            new ProbeOptions { TimeLimit = TimeSpan.FromMilliseconds(9) },
            new ProbeOptions { TimeLimit = TimeSpan.FromMinutes(2) },
            new ProbeOptions { MatrixOrder = 15 },
            new ProbeOptions { MatrixOrder = 20_000 },
            new ProbeOptions { MemoryBytes = (64 * 1024) + 1 },
            new ProbeOptions { MemoryBytes = 1024 },
            new ProbeOptions { PayloadBytes = 1024 },
        })
        {
            FluentActions.Invoking(() => GemmRateProbe.Measure(device, options)).Should().Throw<ArgumentOutOfRangeException>(options.ToString());
            FluentActions.Invoking(() => MemoryBandwidthProbe.Measure(device, options)).Should().Throw<ArgumentOutOfRangeException>();
        }
    }

    private static DeviceProbeReading Probe(IComputeDevice device) =>
        new(GemmRateProbe.Measure(device, Brief), MemoryBandwidthProbe.Measure(device, Brief));

    /// <summary>Takes a given time for each operation, by its own clock.</summary>
    private sealed class TimedDevice(long operationNs) : IComputeDevice
    {
        private readonly CpuDevice _near = new();
        private long _nowNs;

        public bool Tells { get; init; } = true;

        public string Name => _near.Name;

        public DeviceClass DeviceClass => _near.DeviceClass;

        public DeviceBuffer<T> Allocate<T>(int length)
            where T : unmanaged, IFloatingPointIeee754<T> => _near.Allocate<T>(length);

        public void Gemm<T>(
            MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k,
            T alpha, DeviceSlice<T> a, DeviceSlice<T> b, T beta, DeviceSlice<T> c)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Do(() => _near.Gemm(operationA, operationB, m, n, k, alpha, a, b, beta, c));

        public void Add<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
            where T : unmanaged, IFloatingPointIeee754<T> => Do(() => _near.Add(source, destination));

        public void Scale<T>(DeviceSlice<T> destination, T factor)
            where T : unmanaged, IFloatingPointIeee754<T> => Do(() => _near.Scale(destination, factor));

        public void Copy<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
            where T : unmanaged, IFloatingPointIeee754<T> => Do(() => _near.Copy(source, destination));

        public DeviceEvent RecordEvent() => new(_nowNs);

        public bool TryGetElapsedNs(DeviceEvent from, DeviceEvent to, out long elapsedNs)
        {
            elapsedNs = to.Handle - from.Handle;
            return Tells;
        }

        public void Dispose() => _near.Dispose();

        private void Do(Action operation)
        {
            operation();
            _nowNs += operationNs;
        }
    }
}
