using StragglerGuard.Collectives;
using StragglerGuard.Core;
using StragglerGuard.Core.Timing;
using StragglerGuard.Recording;

namespace StragglerGuard.Tests.Recording;

public sealed class StepRecorderTests
{
    private static readonly PlanEpoch s_epoch = new(3);
    private readonly StepRingReader _reader;
    private readonly StepRecorder _recorder;

    public StepRecorderTests()
    {
        var ring = StepRing.Allocate(64);
        _reader = ring.CreateReader();
        _recorder = new StepRecorder(ring.CreateWriter(), new Generation(2), new Rank(5));
    }

    [Fact]
    public void EndStep_AfterAWholeStep_RecordsEveryField()
    {
        _recorder.BeginStepAt(41, s_epoch, 1000);
        _recorder.BeginDataWaitAt(1010);
        _recorder.EndDataWaitAt(1040);
        _recorder.BeginDataWaitAt(1100);
        _recorder.EndDataWaitAt(1105);
        _recorder.ArriveAt(1500);
        _recorder.DepartAt(1620);
        _recorder.EndStep(8, 128, 4096);

        Single().Should().Be(new StepTiming
        {
            Generation = new Generation(2),
            Step = 41,
            Rank = new Rank(5),
            Kind = TimingKind.Step,
            StartNs = 1000,
            ComputeNs = 500 - 35,
            DataWaitNs = 35,
            ArrivalNs = 1500,
            DepartureNs = 1620,
            WorkUnits = 8,
            Weight = 128,
            WorkloadFeature = 4096,
            Epoch = s_epoch,
        });
        _recorder.Discarded.Should().Be(0);
    }

    [Fact]
    public void Arrive_DuringAWaitForData_EndsTheWait()
    {
        _recorder.BeginStepAt(0, s_epoch, 0);
        _recorder.BeginDataWaitAt(70);
        _recorder.Collective(100, 150);
        _recorder.EndStep(1, 1);

        var timing = Single();
        (timing.ComputeNs, timing.DataWaitNs, timing.ArrivalNs, timing.DepartureNs).Should().Be((70, 30, 100, 150));
    }

    [Fact]
    public void DataWait_AfterTheCollective_CountsAsWaitAndNotAgainstCompute()
    {
        _recorder.BeginStepAt(0, s_epoch, 0);
        _recorder.ArriveAt(100);
        _recorder.DepartAt(150);
        _recorder.BeginDataWaitAt(160);
        _recorder.EndDataWaitAt(190);
        _recorder.EndStep(1, 1);

        var timing = Single();
        (timing.ComputeNs, timing.DataWaitNs).Should().Be((100, 30));
    }

    [Fact]
    public void AddCompute_WhenTheRunnerTimedItself_TakesTheSumInstead()
    {
        _recorder.BeginStepAt(0, s_epoch, 0);
        _recorder.AddCompute(30);
        _recorder.AddCompute(12);
        _recorder.Collective(100, 150);
        _recorder.EndStep(1, 1);
        _recorder.BeginStepAt(1, s_epoch, 200);
        _recorder.Collective(300, 350);
        _recorder.EndStep(1, 1);

        var buffer = new StepTiming[2];
        _reader.Drain(buffer).Should().Be(2);
        buffer.Select(t => t.ComputeNs).Should().Equal(42, 100);
    }

    [Fact]
    public void RecordSkewProbe_BetweenSteps_RecordsTheBarrier()
    {
        _recorder.RecordSkewProbe(10, s_epoch, 500, 530);

        var timing = Single();
        (timing.Kind, timing.Step, timing.CollectiveNs, timing.WorkUnits).Should().Be((TimingKind.SkewProbe, 10, 30, 0));
    }

    public static TheoryData<string, Action<StepRecorder>> WrongOrders => new()
    {
        { "no collective", r => { r.BeginStep(0, s_epoch); r.EndStep(1, 1); } },
        { "no departure", r => { r.BeginStep(0, s_epoch); r.Arrive(); r.EndStep(1, 1); } },
        { "no arrival", r => { r.BeginStep(0, s_epoch); r.Depart(); r.EndStep(1, 1); } },
        { "two arrivals", r => { r.BeginStep(0, s_epoch); r.Arrive(); r.Arrive(); r.Depart(); r.EndStep(1, 1); } },
        { "a wait never begun", r => { r.BeginStep(0, s_epoch); r.EndDataWait(); r.Arrive(); r.Depart(); r.EndStep(1, 1); } },
        { "a wait begun twice", r => { r.BeginStep(0, s_epoch); r.BeginDataWait(); r.BeginDataWait(); r.Arrive(); r.Depart(); r.EndStep(1, 1); } },
        { "a wait inside the collective", r => { r.BeginStep(0, s_epoch); r.Arrive(); r.BeginDataWait(); r.Depart(); r.EndStep(1, 1); } },
        { "a wait never ended", r => { r.BeginStep(0, s_epoch); r.Arrive(); r.Depart(); r.BeginDataWait(); r.EndStep(1, 1); } },
        { "no beginning", r => { r.Arrive(); r.Depart(); r.EndStep(1, 1); } },
        { "left open", r => { r.BeginStep(0, s_epoch); r.Arrive(); } },
    };

    [Theory]
    [MemberData(nameof(WrongOrders))]
    public void Step_WithCallsOutOfOrder_LeavesNoRecordAndSpoilsNoOther(string order, Action<StepRecorder> misuse)
    {
        misuse(_recorder);
        _recorder.BeginStepAt(1, s_epoch, 1000);
        _recorder.Collective(1100, 1200);
        _recorder.EndStep(1, 1);

        var timing = Single();
        (timing.Step, timing.ComputeNs, timing.DataWaitNs).Should().Be((1, 100, 0), order);
        _recorder.Discarded.Should().Be(1, order);
    }

    [Fact]
    public void Step_OnTheRealClock_IsInOrderAndWithinTheCallersOwnReadings()
    {
        var beforeNs = MonotonicClock.NowNs();
        _recorder.BeginStep(0, s_epoch);
        _recorder.BeginDataWait();
        _recorder.EndDataWait();
        _recorder.Arrive();
        _recorder.Depart();
        _recorder.EndStep(1, 1);
        var afterNs = MonotonicClock.NowNs();

        var timing = Single();
        timing.StartNs.Should().BeInRange(beforeNs, timing.ArrivalNs);
        timing.ArrivalNs.Should().BeInRange(timing.StartNs, timing.DepartureNs);
        timing.DepartureNs.Should().BeInRange(timing.ArrivalNs, afterNs);
        (timing.ComputeNs + timing.DataWaitNs).Should().Be(timing.ArrivalNs - timing.StartNs);
    }

    [Fact]
    public void Step_AfterWarmUp_AllocatesNothing()
    {
        void Run()
        {
            for (var step = 0; step < 1000; step++)
            {
                _recorder.BeginStep(step, s_epoch);
                _recorder.BeginDataWait();
                _recorder.EndDataWait();
                _recorder.Arrive();
                _recorder.Depart();
                _recorder.EndStep(1, 1);
            }
        }

        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run();

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
        _recorder.Discarded.Should().Be(0);
    }

    [Fact]
    public void Recorder_WithNegativeRank_Throws() =>
        FluentActions.Invoking(() => new StepRecorder(StepRing.Allocate(8).CreateWriter(), default, new Rank(-1)))
            .Should().Throw<ArgumentOutOfRangeException>();

    private StepTiming Single()
    {
        var buffer = new StepTiming[2];
        _reader.Drain(buffer).Should().Be(1);
        return buffer[0];
    }
}
