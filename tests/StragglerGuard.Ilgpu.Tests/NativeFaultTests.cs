using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace StragglerGuard.Ilgpu.Tests;

/// <summary>Disposal on a device whose driver refuses everything, as after a fault on it.</summary>
public sealed class NativeFaultTests
{
    [Fact]
    public void Buffer_OnAFailedDevice_IsFreedAndLeavesTheCauseToBeSeen()
    {
        using var device = Machine.Open(IlgpuBackends.Simulator);
        using var stream = new FailedStream(device.Accelerator);
        IlgpuBuffer<float>? buffer = null;

        var work = () =>
        {
            using (buffer = new IlgpuBuffer<float>(device, device.Accelerator, stream, 8))
            {
                throw new TimeoutException("the cause");
            }
        };

        work.Should().Throw<TimeoutException>();
        stream.Waits.Should().Be(1);
        buffer!.IsFreed.Should().BeTrue();
    }

    [Fact]
    public void Device_WhoseDriverFailsAtItsEnd_IsClosedWithoutAWord()
    {
        var device = Machine.Open(IlgpuBackends.Simulator);
        device.Accelerator.Disposed += (_, _) => throw new CudaException("lost");

        device.Invoking(d => d.Dispose()).Should().NotThrow();
        device.Invoking(d => d.Synchronize()).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Pass_OfAFaultThatIsNoDrivers_LetsItThrough() =>
        FluentActions.Invoking(() => NativeFaults.Pass(() => throw new InvalidOperationException("a mistake"))).Should().Throw<InvalidOperationException>();

    private sealed class FailedStream(Accelerator accelerator) : AcceleratorStream(accelerator)
    {
        public int Waits { get; private set; }

        public override void Synchronize()
        {
            Waits++;
            throw new CudaException("an illegal address was accessed before");
        }

        protected override ProfilingMarker AddProfilingMarkerInternal() => throw new NotSupportedException();

        protected override void DisposeAcceleratorObject(bool disposing)
        {
            // Holds nothing.
        }
    }
}
