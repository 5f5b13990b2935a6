using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.MixedFleet;

[Collection(TimedRuns.Name)]
public sealed class ThroughputTests(ITestOutputHelper log) : IDisposable
{
    /// <summary>20 steps observed and 40 guarded, 30 of them measured.</summary>
    private const string Steps = "60";

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(32, false)]
    [InlineData(16, true)]
    public async Task DefaultFleet_Guarded_ComesNearItsOptimumAndKeepsTheGradient(int microBatches, bool processes)
    {
        string[] arguments = ["--steps", Steps, "--json", .. processes ? ["--processes", "--micro-batches", $"{microBatches}"] : Array.Empty<string>()];
        await using SampleRun run = SampleRun.Start(log, _folder, arguments);
        RunOutcome outcome = await run.EndAsync();
        RunReport report = outcome.Report();

        report.Throughput.GuardedOverOptimum.Should().BeGreaterThanOrEqualTo(0.97);
        report.Throughput.GuardedOverUnguarded.Should().BeGreaterThanOrEqualTo(1.25);
        report.WeightsIdenticalAcrossRanks.Should().BeTrue();
        report.GradientMaxRelativeError.Should().BeInRange(0, 1e-10);
        report.LossLast.Should().BeLessThan(report.LossFirst - 1, "it begins at ln 256 = 5.5, and the frequency of single bytes alone takes it to 3.3");

        report.Ranks.Select(rank => rank.Rank).Should().Equal(0, 1, 2, 3);
        report.Ranks.Select(rank => rank.DeviceClass).Should().Equal("H100", "H100", "H200", "GB200");
        report.Ranks.Should().OnlyContain(rank => rank.PaceEmulated);
        report.Ranks.Sum(rank => rank.MicroBatches).Should().Be(microBatches, "32 where none is asked for");
        report.Ranks[3].MicroBatches.Should().BeGreaterThan(report.Ranks[0].MicroBatches, "its pace is 10 ms against 24 ms");
        report.Ranks.Select(rank => rank.Pid).Distinct().Should().HaveCount(processes ? 4 : 1);
        report.Ranks.Any(rank => rank.Pid == run.Pid).Should().Be(!processes);

        report.Verdicts.Should().BeEmpty("a slower device is no straggler");
        PlanReport plan = report.Plans.Should().NotBeEmpty().And.Subject.First();
        plan.DecidedAtStep.Should().BeGreaterThanOrEqualTo(report.Phases.ObservedSteps, "before, the guard only observes");
        plan.EffectiveStep.Should().BeGreaterThan(plan.DecidedAtStep);
        plan.MicroBatches.Sum().Should().Be(microBatches);
        plan.RealisedStepSeconds.Should().BeApproximately(plan.PredictedStepSeconds, 0.1 * plan.PredictedStepSeconds);

        outcome.Output.Should().Contain(line => line.Contains("paces are EMULATED"));
        outcome.Output.Should().Contain(line => line.Contains("60 steps: 20 observed under the even deal, then 40 guarded"));
    }

    [Fact]
    public Task MixedFleet_OfEight_ComesNearItsOptimum() => MixedFleetComesNearItsOptimumAsync("eight-mixed.json", ranks: 8, Steps);

    /// <summary>Every size, the full length, after those that are always tried: eight here, two and four with one slow rank, four by default.</summary>
    [TheoryIfAsked]
    [InlineData("two-mixed.json", 2, false)]
    [InlineData("three-mixed.json", 3, false)]
    [InlineData("mixed-generations.json", 4, true)]
    [InlineData("five-mixed.json", 5, false)]
    [InlineData("six-mixed.json", 6, false)]
    [InlineData("seven-mixed.json", 7, false)]
    [InlineData("eight-mixed.json", 8, true)]
    public Task MixedFleet_OfAnySizeAtFullLength_ComesNearItsOptimum(string fleet, int ranks, bool processes) =>
        MixedFleetComesNearItsOptimumAsync(fleet, ranks, steps: "240", processes ? ["--processes"] : []);

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public async Task OneRankOfSeveral_SlowBy1Point7_CostsNoMoreThanItsShare(int ranks)
    {
        RunOutcome outcome = await SampleRun.CompleteAsync(
            log, _folder, "--fleet", SampleRun.Fleet($"one-slow-of-{ranks}.json"), "--micro-batches", $"{6 * ranks}", "--steps", Steps, "--json");
        RunReport report = outcome.Report();

        report.Throughput.GuardedOverOptimum.Should().BeGreaterThanOrEqualTo(0.97);
        report.Throughput.GuardedOverUnguarded.Should().BeGreaterThan(1.2, "an even deal takes six units of the slow rank, the best one for two ranks eight of the other");
        report.Ranks[^1].MicroBatches.Should().BeLessThan(6);
        report.WeightsIdenticalAcrossRanks.Should().BeTrue();
        report.GradientMaxRelativeError.Should().BeInRange(0, 1e-10);
    }

    private async Task MixedFleetComesNearItsOptimumAsync(string fleet, int ranks, string steps, params string[] more)
    {
        RunOutcome outcome = await SampleRun.CompleteAsync(log, _folder, ["--fleet", SampleRun.Fleet(fleet), "--steps", steps, "--json", .. more]);
        RunReport report = outcome.Report();

        report.Ranks.Should().HaveCount(ranks);
        report.Throughput.GuardedOverOptimum.Should().BeGreaterThanOrEqualTo(0.97);
        report.Throughput.GuardedOverUnguarded.Should().BeGreaterThan(1.1, "the paces differ by two and more");
        report.WeightsIdenticalAcrossRanks.Should().BeTrue();
        report.GradientMaxRelativeError.Should().BeInRange(0, 1e-10);
        report.Plans.Should().NotBeEmpty();
    }
}
