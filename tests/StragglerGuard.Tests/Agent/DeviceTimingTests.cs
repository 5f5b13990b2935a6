using System.Numerics;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Tests.Agent;

/// <summary>Steps that a device times which still computes when the rank votes.</summary>
public sealed class DeviceTimingTests
{
    [Fact]
    public void Step_ThatTheDeviceHasNotPassed_IsRecordedWithItsTimeWhenItHas()
    {
        using var job = new GuardedRanks(1);
        using var device = new StreamDevice();
        RankGuard guard = job.Guards[0];
        guard.TimeOn(device);
        for (int step = 0; step < 3; step++)
        {
            Take(guard, device, workNs: 1_000 + step);
        }

        guard.Ring.CreateWriter().Written.Should().Be(Probes, "no step's work is done, and a launch is not its time");
        device.PassAll();
        guard.BeginStep();

        guard.Ring.CreateWriter().Written.Should().Be(Probes + 3);
        Compute(job).Should().Equal(1_000, 1_001, 1_002);
    }

    [Fact]
    public void Step_WithWaitsForData_IsTheStretchesBetweenThem()
    {
        using var job = new GuardedRanks(1);
        using var device = new StreamDevice();
        RankGuard guard = job.Guards[0];
        guard.TimeOn(device);
        guard.BeginStep();
        device.Work(100);
        guard.BeginDataWait();
        device.Work(7_000);
        guard.EndDataWait();
        device.Work(20);

        // The vote ends an open wait.
        guard.BeginDataWait();
        guard.Vote(1);

        // For the next step already: no part of this one, nor of that.
        device.Work(50_000);
        guard.BeginDataWait();
        guard.EndDataWait();
        device.PassAll();
        Take(guard, device, workNs: 3);
        device.PassAll();

        Compute(job).Should().Equal(120, 3);
    }

    [Fact]
    public void Steps_OfADeviceThatNeverGetsThere_LeaveNoRecordAndKeepNobody()
    {
        using var job = new GuardedRanks(1);
        using var device = new StreamDevice();
        RankGuard guard = job.Guards[0];
        guard.TimeOn(device);
        for (int step = 0; step < 20; step++)
        {
            Take(guard, device, workNs: step);
        }

        guard.StepsWithoutTime.Should().Be(20 - DeviceStepClock.Steps);
        device.PassAll();

        Compute(job).Should().Equal(Enumerable.Range(20 - DeviceStepClock.Steps, DeviceStepClock.Steps).Select(step => (long)step), "the newest are held");
    }

    [Fact]
    public void Step_WithMoreWaitsThanAreHeld_LeavesNoRecord()
    {
        using var job = new GuardedRanks(1);
        using var device = new StreamDevice();
        RankGuard guard = job.Guards[0];
        guard.TimeOn(device);
        foreach (int waits in new[] { DeviceStepClock.StretchesMax - 1, DeviceStepClock.StretchesMax })
        {
            guard.BeginStep();
            device.Work(1);
            for (int wait = 0; wait < waits; wait++)
            {
                guard.BeginDataWait();
                guard.EndDataWait();
                device.Work(1);
            }

            guard.Vote(1);
            device.PassAll();
        }

        guard.StepsWithoutTime.Should().Be(1);
        Compute(job).Should().Equal(DeviceStepClock.StretchesMax);
    }

    [Fact]
    public void Step_OnADeviceWithoutAClock_HasTheHostsTime()
    {
        using var job = new GuardedRanks(1);
        using var device = new StreamDevice { HasClock = false };
        job.Guards[0].TimeOn(device);
        Take(job.Guards[0], device, workNs: 99);

        Records(job).Should().ContainSingle().Which.Should().Match<StepTiming>(step => step.ComputeNs == step.ArrivalNs - step.StartNs);
    }

    [Fact]
    public void Step_OnADeviceThatIsDoneWhenACallReturns_LiesWithinTheHostsTime()
    {
        using var job = new GuardedRanks(1);
        CpuDevice device = job.Devices[0];
        using DeviceBuffer<float> x = device.Allocate<float>(100_000);
        job.Guards[0].TimeOn(device);
        for (int step = 0; step < 5; step++)
        {
            job.Guards[0].BeginStep();
            device.Scale(x.All, 2);
            job.Guards[0].Vote(1);
        }

        Records(job).Should().HaveCount(5).And.OnlyContain(step => step.ComputeNs > 0 && step.ComputeNs <= step.ArrivalNs - step.StartNs);
    }

    [Fact]
    public void Step_OfAReducer_IsTimedByTheDeviceToo()
    {
        using var job = new GuardedRanks(1);
        using var device = new StreamDevice();
        RankGuard guard = job.Guards[0];
        guard.TimeOn(device);
        using StepReducer<float> reducer = guard.Reducer(job.Devices[0].Allocate<float>(10).All, sums: 0);
        reducer.BeginStep();
        device.Work(77);
        reducer.Invoking(r => r.Finish(weight: -1, microBatches: 0, [])).Should().Throw<ArgumentOutOfRangeException>();
        device.Work(5);
        reducer.Finish(weight: 1, microBatches: 1, []);
        device.PassAll();

        Compute(job).Should().Equal([82], "a call that was refused may be repeated");
    }

    [Fact]
    public void Step_InSteadyState_AllocatesNothing()
    {
        using var job = new GuardedRanks(1);
        CpuDevice device = job.Devices[0];
        RankGuard guard = job.Guards[0];
        guard.TimeOn(device);
        Steps(600);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Steps(400);

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);

        void Steps(int count)
        {
            for (int step = 0; step < count; step++)
            {
                guard.BeginStep();
                guard.BeginDataWait();
                guard.EndDataWait();
                guard.Vote(1);
            }
        }
    }

    [Fact]
    public void TimeOn_TwiceOrAfterAStep_IsRefused()
    {
        using var job = new GuardedRanks(2);
        RankGuard guard = job.Guards[0];
        guard.TimeOn(job.Devices[0]);

        guard.Invoking(g => g.TimeOn(job.Devices[0])).Should().Throw<InvalidOperationException>();
        job.Run(1);
        job.Guards[1].Invoking(g => g.TimeOn(job.Devices[1])).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void Dispose_WithADeviceThatFailed_LeavesTheJob()
    {
        using var job = new GuardedRanks(1);
        using var device = new StreamDevice();
        job.Guards[0].TimeOn(device);
        Take(job.Guards[0], device, workNs: 1);
        device.Failure = new ObjectDisposedException("the device");

        job.Guards[0].Invoking(guard => guard.Dispose()).Should().NotThrow();
        Records(job).Should().BeEmpty();
        job.Fabrics[0].Reports[^1].Ranks.Should().ContainSingle().Which.Left.Should().BeTrue();
    }

    // Of the exit skew, before the first step.
    private const int Probes = 5;

    private static void Take(RankGuard guard, StreamDevice device, long workNs)
    {
        guard.BeginStep();
        device.Work(workNs);
        guard.Vote(1);
    }

    private static IEnumerable<long> Compute(GuardedRanks job) => Records(job).Select(step => step.ComputeNs);

    private static List<StepTiming> Records(GuardedRanks job)
    {
        foreach (RankGuard guard in job.Guards)
        {
            guard.Dispose();
        }

        foreach (NodeAgent agent in job.Agents)
        {
            agent.Dispose();
        }

        return [.. job.Fabrics.SelectMany(fabric => fabric.Reports).SelectMany(report => report.Ranks).SelectMany(rank => rank.Timings.ToArray()).Where(timing => timing.Kind == TimingKind.Step)];
    }

    /// <summary>A stream whose work takes what the test says, and which is passed when the test says so.</summary>
    private sealed class StreamDevice : IComputeDevice
    {
        private readonly List<long> _marksNs = [];
        private int _passed;
        private long _streamNs = 1;

        public bool HasClock { get; init; } = true;

        public Exception? Failure { get; set; }

        public string Name => "stream";

        public DeviceClass DeviceClass => new("stream");

        public void Work(long ns) => _streamNs += ns;

        public void PassAll() => _passed = _marksNs.Count;

        public DeviceEvent RecordEvent()
        {
            if (!HasClock)
            {
                return default;
            }

            _marksNs.Add(_streamNs);
            return new DeviceEvent(_marksNs.Count);
        }

        public bool TryGetElapsedNs(DeviceEvent from, DeviceEvent to, out long elapsedNs)
        {
            if (Failure is not null)
            {
                throw Failure;
            }

            bool hasPassed = from.Handle > 0 && to.Handle > 0 && Math.Max(from.Handle, to.Handle) <= _passed;
            elapsedNs = hasPassed ? _marksNs[(int)to.Handle - 1] - _marksNs[(int)from.Handle - 1] : 0;
            return hasPassed;
        }

        public DeviceBuffer<T> Allocate<T>(int length)
            where T : unmanaged, IFloatingPointIeee754<T> => throw Wait();

        public void Gemm<T>(
            MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k,
            T alpha, DeviceSlice<T> a, DeviceSlice<T> b, T beta, DeviceSlice<T> c)
            where T : unmanaged, IFloatingPointIeee754<T> => throw Wait();

        public void Add<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
            where T : unmanaged, IFloatingPointIeee754<T> => throw Wait();

        public void Scale<T>(DeviceSlice<T> destination, T factor)
            where T : unmanaged, IFloatingPointIeee754<T> => throw Wait();

        public void Copy<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
            where T : unmanaged, IFloatingPointIeee754<T> => throw Wait();

        public void Dispose()
        {
            // Holds nothing.
        }

        private static InvalidOperationException Wait() => new("the guard marks and asks, and does no work that it would wait for");
    }
}
