using StragglerGuard.Core.WhatIf;

namespace StragglerGuard.Core.Tests.WhatIf;

public sealed class TraceCoverageTests
{
    private static SyntheticPipeline Job => new()
    {
        Replicas = 4,
        OwnNs = SyntheticPipeline.Plain((replica, stage, _, _, _) => replica == 1 && stage == 1 ? 1.5 : 1),
    };

    [Fact]
    public void Analyze_OfNothing_SaysSo()
    {
        WhatIfOutcome outcome = WhatIfAnalysis.Analyze(new OperationTraceBuilder().Build());
        outcome.Report.Should().BeNull();
        outcome.Fault.Should().Contain("no operation");
    }

    [Fact]
    public void Analyze_OfOperationsInAnyOrder_GivesTheSame()
    {
        List<TraceOperation> operations = Job.Operations();
        WhatIfReport inOrder = Judged(operations);
        var random = new Random(42);
        WhatIfReport shuffled = Judged([.. operations.OrderBy(_ => random.Next())]);
        shuffled.Should().BeEquivalentTo(inOrder);
    }

    [Fact]
    public void Analyze_WithoutSequenceNumbers_GivesTheSame()
    {
        List<TraceOperation> operations = Job.Operations();
        Judged([.. operations.Select(operation => operation with { Sequence = -1 })]).Should().BeEquivalentTo(Judged(operations));
    }

    [Fact]
    public void Analyze_WithAStepThatLacksAnOperation_LeavesThatStepOut()
    {
        List<TraceOperation> operations = Job.Operations();
        operations.RemoveAll(operation => operation is { Step: 102, Replica: 3, Stage: 2, Type: OperationType.BackwardCompute, Sequence: 4 });
        WhatIfReport report = Judged(operations);
        report.Steps.Select(step => step.Step).Should().Equal(100, 101, 103);
        report.Coverage.Should().BeEquivalentTo(new { StepsJudged = 3, StepsSkipped = 1, Duplicates = 0, IsWhole = false });
        report.Culprits.Should().ContainSingle().Which.Should().BeEquivalentTo(new { Replica = 1, Stage = 1 });
    }

    [Fact]
    public void Analyze_OfAFileThatWasCutOff_JudgesTheReplicasThatAreWhole()
    {
        List<TraceOperation> operations = [.. Job.Operations().OrderBy(operation => operation.Replica).ThenBy(operation => operation.Stage)];
        WhatIfReport report = Judged(operations[..(operations.Count * 7 / 8)]);
        report.Coverage.ReplicasSkipped.Should().Equal(3);
        report.Coverage.StepsJudged.Should().Be(4);
        report.Coverage.ToString().Should().Contain("replicas 3");
        report.Culprits.Should().ContainSingle().Which.Should().BeEquivalentTo(new { Replica = 1, Stage = 1 });
    }

    [Fact]
    public void Analyze_WithDuplicates_KeepsTheFirstAndNamesTheRest()
    {
        List<TraceOperation> operations = Job.Operations();
        WhatIfReport clean = Judged(operations);
        int count = operations.Count;
        operations.Add(operations[3] with { DurationNs = OperationTrace.DurationNsMax });
        operations.Add(operations[7]);
        WhatIfReport report = Judged(operations);
        report.Coverage.Duplicates.Should().Be(2);
        report.Coverage.DuplicateRecords.Should().Equal(count, count + 1);
        report.StepSeconds.Should().Be(clean.StepSeconds);
    }

    [Fact]
    public void Analyze_WhereNoStepIsWhole_SaysSo()
    {
        OperationTrace trace = SyntheticPipeline.Build(
        [
            new TraceOperation(0, 0, -1, 1, OperationType.ForwardCompute, 0, 5, 0),
            new TraceOperation(1, 0, -1, 2, OperationType.ForwardCompute, 0, 5, 0),
        ]);
        WhatIfOutcome outcome = WhatIfAnalysis.Analyze(trace);
        outcome.Report.Should().BeNull();
        outcome.Fault.Should().Contain("no step is complete");
    }

    [Fact]
    public void Analyze_WhereATransferLacksItsPeer_SaysWhich()
    {
        List<TraceOperation> operations = Job.Operations();
        operations.RemoveAll(operation => operation is { Stage: 1, Type: OperationType.ForwardReceive, Sequence: 7 });
        WhatIfOutcome outcome = WhatIfAnalysis.Analyze(SyntheticPipeline.Build(operations));
        outcome.Report.Should().BeNull();
        outcome.Fault.Should().Contain("stage 1").And.Contain("forward-recv");
    }

    [Fact]
    public void Analyze_WhereNothingTookTime_SaysSo()
    {
        WhatIfOutcome outcome = WhatIfAnalysis.Analyze(SyntheticPipeline.Build([new TraceOperation(0, 0, 0, 0, OperationType.Optimizer, 0, 0, 0)]));
        outcome.Report.Should().BeNull();
        outcome.Fault.Should().NotBeNullOrEmpty();
    }

    [Fact]
    public void Add_OfValuesOutOfRange_Throws()
    {
        var builder = new OperationTraceBuilder();
        var good = new TraceOperation(0, 0, 0, 0, OperationType.Optimizer, 0, 0, 0);
        foreach (TraceOperation bad in new[]
        {
            good with { Replica = -1 },
            good with { Stage = -1 },
            good with { Rank = -2 },
            good with { Step = -1 },
            good with { Type = (OperationType)99 },
            good with { StartNs = long.MaxValue },
            good with { StartNs = long.MinValue },
            good with { DurationNs = -1 },
            good with { DurationNs = OperationTrace.DurationNsMax + 1 },
            good with { Sequence = -2 },
        })
        {
            FluentActions.Invoking(() => builder.Add(bad)).Should().Throw<ArgumentOutOfRangeException>($"of {bad}");
        }

        builder.Count.Should().Be(0);
    }

    [Fact]
    public void OperationTypes_ByName_AreFoundAgain()
    {
        foreach (OperationType type in Enum.GetValues<OperationType>())
        {
            OperationTypes.TryParse(System.Text.Encoding.UTF8.GetBytes(OperationTypes.NameOf(type)), out OperationType found).Should().BeTrue();
            found.Should().Be(type);
        }

        OperationTypes.TryParse("optimiser"u8, out _).Should().BeFalse();
    }

    private static WhatIfReport Judged(List<TraceOperation> operations)
    {
        WhatIfOutcome outcome = WhatIfAnalysis.Analyze(SyntheticPipeline.Build(operations));
        outcome.Fault.Should().BeNull();
        return outcome.Report!;
    }
}
