using StragglerGuard.Core.WhatIf;

namespace StragglerGuard.Core.Tests.WhatIf;

public sealed class StepReplayTests
{
    [Fact]
    public void Run_Again_AllocatesNothing()
    {
        AlignedTrace aligned = TraceAligner.Align(new SyntheticPipeline { OwnNs = SyntheticPipeline.Plain() }.Record()).Aligned!;
        DependencyGraph graph = StepSchedule.Read(aligned).Graph!;
        var replay = new StepReplay(graph, [0], aligned.Replicas.Length, aligned.Steps.Length);
        Array.Fill(replay.DurationsNs, 7);
        double sum = replay.Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            sum += replay.Run();
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
        sum.Should().BeGreaterThan(0);
    }

    [Fact]
    public void Order_OfOperationsThatWaitInACircle_FindsNone()
    {
        List<int>[] waits = [[1], [0], []];
        DependencyGraph.Order(waits, [0, 1, 2], 3, new bool[3]).Should().BeNull();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(11)]
    public void LaneRows_OfAnyLength_AgreeWithPlainArithmetic(int length)
    {
        var random = new Random(length);
        long[] a = [.. Enumerable.Range(0, length).Select(_ => random.NextInt64(-1000, 1000))];
        long[] b = [.. Enumerable.Range(0, length).Select(_ => random.NextInt64(-1000, 1000))];
        long[] sums = new long[length];
        LaneRows.Add(a, b, sums);
        sums.Should().Equal(a.Zip(b, (x, y) => x + y));
        long[] raised = [.. a];
        LaneRows.RaiseTo(raised, b);
        raised.Should().Equal(a.Zip(b, Math.Max));
        long[] level = [.. a, .. b];
        LaneRows.Level(level, length);
        level.Should().Equal([.. raised, .. raised]);
    }
}
