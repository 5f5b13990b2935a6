using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Tests.Devices;

namespace StragglerGuard.Ilgpu.Tests;

/// <summary>The kernels that GPUs run, on ILGPU's simulator: two threads to a group, on threads of the host.</summary>
public sealed class SimulatorDeviceTests : ComputeDeviceTests
{
    /// <summary>The simulator makes an object for each launch (145 bytes an operation, on average, when this was written).</summary>
    internal const long AllocatedBytesPerLaunch = 160;

    // Every kind of tail of its tiles (8 by 16, 8 deep), and more than one tile each way.
    protected override IReadOnlyList<(int M, int N, int K)> GemmShapes { get; } =
    [
        (1, 1, 1), (0, 5, 3), (5, 0, 3), (4, 6, 0), (2, 3, 5), (8, 16, 8), (8, 32, 1), (9, 17, 9), (7, 31, 17), (13, 47, 61), (16, 64, 32), (17, 33, 40),
        (1, 90, 30), (90, 1, 30),
    ];

    protected override int RandomGemms => 12;

    protected override long AllocatedBytesPerOperation => AllocatedBytesPerLaunch;

    [Fact]
    public void Allocate_AnyVector_IsOutOfTheHostsSight()
    {
        using var device = CreateDevice();
        using var x = device.Allocate<float>(3);

        x.IsHostVisible.Should().BeFalse();
        FluentActions.Invoking(() => x.HostSpan.Length).Should().Throw<NotSupportedException>();
    }

    [Fact]
    public void Device_OfTheSimulator_SaysWhatItIs()
    {
        using var device = Machine.Open(IlgpuBackends.Simulator);

        device.Name.Should().Be("ILGPU simulator");
        device.DeviceClass.Name.Should().Be("ILGPU simulator");
        device.Description.Backend.Should().Be(IlgpuBackends.Simulator);
        device.Read().Should().Be(default(Core.Attribution.DeviceReading), "nothing is known of its clock");
    }

    [Fact]
    public void CopyFromPeer_OfAnotherDevice_BringsItsElements()
    {
        using var near = Machine.Open(IlgpuBackends.Simulator);
        using var far = Machine.Open(IlgpuBackends.Simulator);
        using var source = far.Allocate<double>(100);
        using var destination = near.Allocate<double>(50);
        source.Upload(Fill<double>(100, 1));
        far.Scale(source.All, 2.0);

        near.CopyFromPeer(source.Slice(30, 40), destination.Slice(5, 40)).Should().BeTrue("the simulator reaches its own memory");

        var copied = new double[50];
        destination.Download(copied);
        copied[5..45].Should().Equal(Fill<double>(100, 1)[30..70].Select(x => 2 * x));
        copied[..5].Concat(copied[45..]).Should().OnlyContain(x => x == 0);
    }

    [Fact]
    public void CopyFromPeer_BetweenPlatforms_GoesThroughTheHost()
    {
        using var elsewhere = IlgpuPlatform.Open(IlgpuBackends.Simulator);
        using var far = elsewhere.CreateDevice(elsewhere.Devices[0]);
        using var near = Machine.Open(IlgpuBackends.Simulator);
        using var source = far.Allocate<float>(10);
        using var destination = near.Allocate<float>(10);
        source.Upload(Fill<float>(10, 1));

        near.CopyFromPeer(source.Slice(2, 8), destination.Slice(0, 8)).Should().BeFalse();

        var copied = new float[10];
        destination.Download(copied);
        copied[..8].Should().Equal(Fill<float>(10, 1)[2..]);
    }

    [Fact]
    public void CopyFromPeer_OfWhatCantBeCopied_IsRefused()
    {
        using var device = Machine.Open(IlgpuBackends.Simulator);
        using var other = Machine.Open(IlgpuBackends.Simulator);
        using var host = new CpuDevice();
        using var x = device.Allocate<float>(10);
        using var y = other.Allocate<float>(10);
        using var z = host.Allocate<float>(10);

        device.Invoking(d => d.CopyFromPeer(y.Slice(0, 3), x.Slice(0, 4))).Should().Throw<ArgumentException>().WithMessage("*3 elements*4*");
        device.Invoking(d => d.CopyFromPeer(z.All, x.All)).Should().Throw<ArgumentException>().WithParameterName("source");
        device.Invoking(d => d.CopyFromPeer(x.All, y.All)).Should().Throw<ArgumentException>().WithParameterName("destination");
    }

    [Fact]
    public void Device_AfterDisposal_IsRefused()
    {
        var device = Machine.Open(IlgpuBackends.Simulator);
        var x = device.Allocate<float>(12);
        device.Dispose();
        device.Dispose();

        device.Invoking(d => d.Add(x.Slice(0, 4), x.Slice(4, 4))).Should().Throw<ObjectDisposedException>();
        device.Invoking(d => d.Allocate<float>(1)).Should().Throw<ObjectDisposedException>();
        device.Invoking(d => d.RecordEvent()).Should().Throw<ObjectDisposedException>();
        x.Invoking(buffer => buffer.Dispose()).Should().NotThrow("buffers may outlive their device");
    }

    // By default the simulator's groups have one thread: here they have two, so that the tiles are shared and the barriers count.
    protected override IComputeDevice CreateDevice() =>
        Machine.Platform.CreateDevice(Machine.Platform.Devices.First(device => device.Backend == IlgpuBackends.Simulator), groupSizeMax: 2);
}

/// <summary>The same with groups of one thread, as the simulator is used.</summary>
public sealed class SingleThreadedSimulatorDeviceTests : ComputeDeviceTests
{
    protected override long AllocatedBytesPerOperation => SimulatorDeviceTests.AllocatedBytesPerLaunch;

    protected override IComputeDevice CreateDevice() => Machine.Open(IlgpuBackends.Simulator);
}
