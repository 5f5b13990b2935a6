using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.MixedFleet;

/// <summary>Ranks that leave the job and come back, as processes, under a real guardian.</summary>
[Collection(TimedRuns.Name)]
public sealed class MembershipTests(ITestOutputHelper log) : IDisposable
{
    /// <summary>As the README states it.</summary>
    private const long StepsToSwitch = 10;

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task RanksThatAreSlowForAWhile_LeaveAndComeBackTwice()
    {
        RunOutcome outcome = await SampleRun.CompleteAsync(
            log, _folder, [.. EvictingFleet.Arguments(_folder, "250"), "--slow", "2:4@45-90", "--slow", "0:4@150-195", "--json"]);
        RunReport report = outcome.Report();

        report.Mitigations.Select(taken => taken.Kind).Should().Equal("evict", "readmit", "evict", "readmit");
        report.Mitigations.Should().OnlyContain(taken => taken.EffectiveStep - taken.DecidedAtStep <= StepsToSwitch);
        report.Mitigations[0].Reason.Should().Contain("replica 2");
        report.Mitigations[2].Reason.Should().Contain("replica 0", "the rank that was the first of all leaves like any other");
        report.Mitigations[0].RealisedRatio.Should().BeGreaterThan(2, "three ranks at full speed beat four that wait for one at a quarter of it");
        report.Members.Should().Equal(0, 1, 2, 3);
        report.Ranks.Select(rank => rank.MicroBatches).Should().Equal(4, 4, 4, 4);
        report.WeightsIdenticalAcrossRanks.Should().BeTrue();
        report.GradientMaxRelativeError.Should().BeInRange(0, 1e-10);
        report.WaitingMicroBatches.Should().Be(0);
        report.LossLast.Should().BeLessThan(report.LossFirst - 2);
        outcome.Output.Should().Contain(line => line.Contains("rank 2 has left for the pool H100"));
        outcome.Output.Should().Contain(line => line.Contains("rank 0 is back from the pool H100"));
    }
}
