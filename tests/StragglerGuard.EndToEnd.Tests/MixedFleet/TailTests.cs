using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.MixedFleet;

/// <summary>Eight equal ranks, of which each stalls by itself in a tenth of its steps, five times as long.</summary>
[Collection(TimedRuns.Name)]
public sealed class TailTests(ITestOutputHelper log) : IDisposable
{
    /// <summary>
    /// Of the stalls. At the gate's first look, after 32 steps, no rank was late in most of them, for any order of ranks that arrive together:
    /// one that was would be taken for slow, and the gate look again 32 steps later.
    /// </summary>
    private const string Seed = "4";

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("backup")]
    [InlineData("deadline")]
    public async Task RanksThatStall_Mitigated_DoMoreSamplesASecond(string kind)
    {
        RunOutcome outcome = await SampleRun.CompleteAsync(
            log, _folder, "--fleet", _folder.WriteEquals(ranks: 8, paceMs: 10), "--stall", "all:0.1:5", "--seed", Seed, "--micro-batches", "24", "--mitigate", kind,
            "--steps", "100", "--json");
        RunReport report = outcome.Report();

        report.Throughput.GuardedOverUnguarded.Should().BeGreaterThanOrEqualTo(1.3);
        report.Mitigations.Should().ContainSingle().Which.Kind.Should().Be(kind);
        report.Mitigations[0].PredictedRatio.Should().BeGreaterThan(1.3);
        report.Mitigations[0].RolledBack.Should().BeFalse();
        report.WeightsIdenticalAcrossRanks.Should().BeTrue();
        report.Members.Should().HaveCount(8);
        report.WaitingMicroBatches.Should().BeInRange(0, 24, "what was dropped is done by the next step or waits for it");
    }

    [Fact]
    public async Task RanksThatDoNotStall_KeepWaitingForEachOther()
    {
        RunOutcome outcome = await SampleRun.CompleteAsync(
            log, _folder, "--fleet", _folder.WriteEquals(4, paceMs: 5), "--micro-batches", "16", "--mitigate", "backup", "--steps", "80", "--json");
        RunReport report = outcome.Report();

        report.Mitigations.Should().BeEmpty();
        report.Refused.Should().ContainSingle(refused => refused.Kind == "backup")
            .Which.Reason.Should().Contain("the samples thrown away cost more than the waiting");
        outcome.Output.Should().Contain(line => line.Contains("not done (backup)"));
    }
}
