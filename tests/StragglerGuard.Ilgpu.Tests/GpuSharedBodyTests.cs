using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Probes;
using StragglerGuard.Collectives.Tests.Devices;
using StragglerGuard.Collectives.Tests.Operations;
using StragglerGuard.Collectives.Tests.Probes;
using StragglerGuard.Collectives.Tests.Transports;

namespace StragglerGuard.Ilgpu.Tests;

/// <summary>The bodies that all devices share, on GPUs; skipped with the reason where the machine has none.</summary>
public sealed class GpuSharedBodyTests
{
    // A copy between a GPU and the host takes objects of ILGPU's, as on the simulator.
    private const long AllocatedBytesMax = 2_000;

    private static readonly Dictionary<string, (Type Body, Func<IlgpuBackends, object> On)> s_bodies = new()
    {
        ["device"] = (typeof(ComputeDeviceTests), backend => new DeviceOn(backend)),
        ["collectives"] = (typeof(CommunicatorTests<InProcessGroups>), backend => new CollectivesOn(backend)),
        ["collectives over TCP"] = (typeof(CommunicatorTests<TcpGroups>), backend => new CollectivesOverTcpOn(backend)),
        ["partial reductions"] = (typeof(PartialReducerTests<InProcessGroups>), backend => new PartialReductionsOn(backend)),
        ["probes"] = (typeof(DeviceProbeBody), backend => new ProbesOn(backend)),
    };

    /// <summary>Body, test, its arguments.</summary>
    public static TheoryData<string, string, object[]> Tests
    {
        get
        {
            var tests = new TheoryData<string, string, object[]>();
            foreach ((string name, (Type body, _)) in s_bodies)
            {
                foreach ((string test, object[] arguments) in SharedBody.TestsOf(body))
                {
                    tests.Add(name, test, arguments);
                }
            }

            return tests;
        }
    }

    /// <summary>What is skipped here is known by name, so that a body that finds no tests does not pass for one that is skipped.</summary>
    [Theory]
    [InlineData("device", 18, nameof(ComputeDeviceTests.HotPath_AfterWarmUp_AllocatesNothing))]
    [InlineData("collectives", 12, nameof(CommunicatorTests<InProcessGroups>.AllReduce_AnyLength_IsTheNaiveSumWithTheSameBitsEverywhere))]
    [InlineData("collectives over TCP", 12, nameof(CommunicatorTests<TcpGroups>.SteadyState_EveryCollective_AllocatesNothing))]
    [InlineData("partial reductions", 9, nameof(PartialReducerTests<InProcessGroups>.Finish_WhoeverIsLate_IsTheSumOfTheOthersWithTheSameBitsEverywhere))]
    [InlineData("probes", 2, nameof(DeviceProbeBody.Gemm_OnADevice_SaysItsRateAndOnWhat))]
    public void Tests_ForGpus_AreThoseOfEveryDevice(string body, int atLeast, string one) =>
        Tests.Where(row => (string)row[0] == body).Select(row => (string)row[1]).Distinct()
            .Should().HaveCountGreaterThanOrEqualTo(atLeast).And.Contain(one);

    [Fact]
    public void Tests_OfABodyWithArguments_AreOneForEachRow() =>
        Tests.Where(row => (string)row[0] == "collectives" && (string)row[1] == nameof(CommunicatorTests<InProcessGroups>.Broadcast_EveryRoot_ReachesEveryone))
            .Select(row => ((object[])row[2]).Single()).Should().Equal(Enumerable.Range(1, 9).Cast<object>());

    [DeviceTheory(IlgpuBackends.Cuda)]
    [MemberData(nameof(Tests))]
    public void Body_OnCuda_Holds(string body, string test, object[] arguments) => SharedBody.Run(s_bodies[body].On(IlgpuBackends.Cuda), test, arguments);

    [DeviceTheory(IlgpuBackends.OpenCL)]
    [MemberData(nameof(Tests))]
    public void Body_OnOpenCL_Holds(string body, string test, object[] arguments)
    {
        // OpenCL tells no time: that part of the body is for devices that do.
        if (test != nameof(ComputeDeviceTests.Events_AroundWork_MeasureTimeThatPassed))
        {
            SharedBody.Run(s_bodies[body].On(IlgpuBackends.OpenCL), test, arguments);
        }
    }

    private sealed class DeviceOn(IlgpuBackends backend) : ComputeDeviceTests
    {
        protected override IComputeDevice CreateDevice() => Machine.Open(backend);
    }

    private sealed class CollectivesOn(IlgpuBackends backend) : CommunicatorTests<InProcessGroups>
    {
        protected override long AllocatedBytesPerCollective => AllocatedBytesMax;

        protected override IComputeDevice CreateDevice() => Machine.Open(backend);
    }

    private sealed class CollectivesOverTcpOn(IlgpuBackends backend) : CommunicatorTests<TcpGroups>
    {
        protected override long AllocatedBytesPerCollective => AllocatedBytesMax;

        protected override IComputeDevice CreateDevice() => Machine.Open(backend);
    }

    private sealed class PartialReductionsOn(IlgpuBackends backend) : PartialReducerTests<InProcessGroups>
    {
        protected override long AllocatedBytesPerStep => AllocatedBytesMax;

        protected override IComputeDevice CreateDevice() => Machine.Open(backend);
    }

    private sealed class ProbesOn(IlgpuBackends backend) : DeviceProbeBody
    {
        protected override ProbeOptions Brief { get; } = new() { TimeLimit = TimeSpan.FromMilliseconds(50), MatrixOrder = 256, MemoryBytes = 1 << 20 };

        protected override IComputeDevice CreateDevice() => Machine.Open(backend);
    }
}
