using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Probes;
using StragglerGuard.Collectives.Tests.Operations;
using StragglerGuard.Collectives.Tests.Probes;
using StragglerGuard.Collectives.Tests.Transports;

namespace StragglerGuard.Ilgpu.Tests;

/// <summary>Collectives whose sums are formed on the simulated devices.</summary>
public sealed class SimulatorCommunicatorTests : CommunicatorTests<InProcessGroups>
{
    // The simulator makes an object for each launch, and for each copy to and from the host.
    protected override long AllocatedBytesPerCollective => 2_000;

    protected override IComputeDevice CreateDevice() => Machine.Open(IlgpuBackends.Simulator);
}

/// <summary>Collectives through the host, as between processes.</summary>
public sealed class SimulatorOverTcpTests : CommunicatorTests<TcpGroups>
{
    protected override long AllocatedBytesPerCollective => 2_000;

    protected override IComputeDevice CreateDevice() => Machine.Open(IlgpuBackends.Simulator);
}

public sealed class SimulatorPartialReducerTests : PartialReducerTests<InProcessGroups>
{
    protected override long AllocatedBytesPerStep => 2_000;

    protected override IComputeDevice CreateDevice() => Machine.Open(IlgpuBackends.Simulator);
}

public sealed class SimulatorProbeTests : DeviceProbeBody
{
    protected override ProbeOptions Brief { get; } = new() { TimeLimit = TimeSpan.FromMilliseconds(50), MatrixOrder = 32, MemoryBytes = 64 * 1024 };

    protected override IComputeDevice CreateDevice() => Machine.Open(IlgpuBackends.Simulator);
}
