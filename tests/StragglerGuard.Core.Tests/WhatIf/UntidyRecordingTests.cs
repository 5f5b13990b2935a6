using StragglerGuard.Core.WhatIf;

namespace StragglerGuard.Core.Tests.WhatIf;

/// <summary>Recordings as profilers really make them: clocks that differ, transfers that were never launched, gaps before operations.</summary>
public sealed class UntidyRecordingTests
{
    private const int Seed = 17;
    private const long ClockNs = 15_000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Analyze_WithClocksThatDiffer_FindsNearlyTheSame(int chunks)
    {
        SyntheticPipeline job = Job(chunks);
        var random = new Random(Seed);
        WhatIfReport noisy = Judged(job.Operations().Select(operation => operation with
        {
            StartNs = operation.StartNs + random.NextInt64(-ClockNs, ClockNs),
        }));
        ShouldBeNear(noisy, Judged(job.Operations()), $"seed {Seed}");
    }

    [Fact]
    public void Analyze_WithTransfersThatWereNeverLaunched_FindsTheSame()
    {
        // The first stage records a receive behind its last forward pass, the last stage a send before its first has ended.
        SyntheticPipeline job = Job(1);
        List<TraceOperation> operations = job.Operations();
        IEnumerable<TraceOperation> extra = operations
            .Where(operation => operation is { Stage: 0, Type: OperationType.Optimizer } or { Stage: 3, Type: OperationType.ForwardCompute, Sequence: 0 })
            .Select(operation => operation with
            {
                Type = operation.Stage == 0 ? OperationType.ForwardReceive : OperationType.ForwardSend,
                DurationNs = 1000,
                Sequence = 0,
                MicroBatch = -1,
                GlobalChunk = -1,
            });
        ShouldBeNear(Judged(operations.Concat(extra.ToList())), Judged(operations), "they wait for nobody");
    }

    [Fact]
    public void Analyze_WhereTheFirstReceiveWasNotRecorded_FindsTheSame()
    {
        SyntheticPipeline job = Job(2);
        List<TraceOperation> operations = job.Operations();
        static bool IsFirst(TraceOperation operation) => operation is { Stage: 0, Type: OperationType.ForwardReceive };
        IEnumerable<TraceOperation> lacking = operations
            .Where(operation => !(IsFirst(operation) && operation.Sequence == 0))
            .Select(operation => IsFirst(operation) ? operation with { Sequence = operation.Sequence - 1 } : operation);
        ShouldBeNear(Judged(lacking), Judged(operations), "nothing was received then");
    }

    [Fact]
    public void Analyze_WithGapsBeforeOperations_LeavesThemOut()
    {
        // The host launches everything of a step 3 ms late: the replay starts at once.
        SyntheticPipeline job = Job(1);
        WhatIfReport late = Judged(job.Operations().Select(operation => operation with { StartNs = operation.StartNs + 3_000_000 }));
        ShouldBeNear(late, Judged(job.Operations()), "delays of the host are not stragglers");
    }

    [Fact]
    public void Analyze_WithAnEndLongBeforeItsPeersStart_TakesTheTransferForNothing()
    {
        SyntheticPipeline job = Job(1);
        WhatIfReport report = Judged(job.Operations().Select(operation =>
            operation is { Type: OperationType.ForwardSend, Stage: 1, Sequence: 3, Replica: 0, Step: 101 }
                ? operation with { StartNs = operation.StartNs - 50_000_000 }
                : operation));
        ShouldBeNear(report, Judged(job.Operations()), "one record of many");
    }

    private static SyntheticPipeline Job(int chunks) => new()
    {
        Replicas = 3,
        Chunks = chunks,
        OwnNs = SyntheticPipeline.Plain((replica, stage, _, _, _) => replica == 1 && stage == 2 ? 1.5 : 1),
    };

    private static void ShouldBeNear(WhatIfReport found, WhatIfReport expected, string because)
    {
        found.Slowdown.Should().BeApproximately(expected.Slowdown, 3e-3, because);
        found.StepSeconds.Should().BeApproximately(expected.StepSeconds, 3e-3 * expected.StepSeconds, because);
        found.Class.Should().Be(StragglerClass.Worker, because);
        found.Culprits.Should().ContainSingle().Which.Should().BeEquivalentTo(new { Replica = 1, Stage = 2 });
    }

    private static WhatIfReport Judged(IEnumerable<TraceOperation> operations)
    {
        WhatIfOutcome outcome = WhatIfAnalysis.Analyze(SyntheticPipeline.Build(operations));
        outcome.Fault.Should().BeNull();
        return outcome.Report!;
    }
}
