using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.Timing;

/// <summary>Short ways to say which record or frame a test is about.</summary>
internal static class Timings
{
    public static StepTiming Step(long step, int rank, long insideNs = 1_000, int generation = 0) => new()
    {
        Generation = new Generation(generation),
        Step = step,
        Rank = new Rank(rank),
        ComputeNs = 1_000_000,
        ArrivalNs = 500,
        DepartureNs = 500 + insideNs,
        WorkUnits = 4,
        Weight = 64,
    };

    public static StepTiming Probe(long step, int rank, long durationNs) =>
        Step(step, rank, durationNs) with { Kind = TimingKind.SkewProbe };

    /// <summary>A frame in which rank i stayed insideNs[i] in the collective; null: its record is missing.</summary>
    public static StepFrame Frame(params long?[] insideNs)
    {
        var assembler = new StepFrameAssembler(insideNs.Length, default);
        for (int rank = 0; rank < insideNs.Length; rank++)
        {
            if (insideNs[rank] is long inside)
            {
                assembler.Add(Step(7, rank, inside)).Should().Be(FrameAdmission.Accepted);
            }
        }

        assembler.Flush();
        assembler.TryTake(out StepFrame? frame).Should().BeTrue();
        return frame!;
    }
}
