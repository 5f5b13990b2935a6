using System.Globalization;
using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.MixedFleet;

[Collection(TimedRuns.Name)]
public sealed class StragglerTests(ITestOutputHelper log) : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task OneOfSixEquals_SlowForAWhile_IsFoundRelievedAndGivenItsShareBack()
    {
        const int onset = 40;
        const int end = 75;
        string window = string.Create(CultureInfo.InvariantCulture, $"1:2.0@{onset}-{end}");
        RunOutcome outcome = await SampleRun.CompleteAsync(
            log, _folder, "--fleet", _folder.WriteEquals(ranks: 6, paceMs: 10), "--slow", window, "--steps", "120", "--json");
        RunReport report = outcome.Report();

        VerdictReport verdict = report.Verdicts.Should().ContainSingle().Subject;
        verdict.Rank.Should().Be(1);
        verdict.RaisedAtStep.Should().BeInRange(onset, onset + 8);
        verdict.Step.Should().BeInRange(onset - 2, onset + 2);
        verdict.Slowdown.Should().BeApproximately(2, 0.2);
        verdict.Cause.Should().Be("compute");
        verdict.Reason.Should().Contain("rank 1");

        report.Plans.Should().OnlyContain(plan => plan.DecidedAtStep >= onset, "equals have nothing to win");
        PlanReport relief = report.Plans.Should().NotBeEmpty().And.Subject.First();
        relief.DecidedAtStep.Should().BeLessThan(end);
        relief.EffectiveStep.Should().BeInRange(relief.DecidedAtStep + 1, relief.DecidedAtStep + 8);
        relief.MicroBatches[1].Should().BeLessThanOrEqualTo(3, "at half the speed it does half of the five or six of an even deal");

        outcome.Output.Should().Contain(line => line.StartsWith("* step") && line.Contains("rank 1 is back to"));
        PlanReport restored = report.Plans[^1];
        restored.DecidedAtStep.Should().BeGreaterThanOrEqualTo(end);
        restored.EffectiveStep.Should().NotBeNull();
        (restored.MicroBatches.Max() - restored.MicroBatches.Min()).Should().BeLessThanOrEqualTo(1);
        report.Ranks.Select(rank => rank.MicroBatches).Should().Equal(restored.MicroBatches);
        report.WeightsIdenticalAcrossRanks.Should().BeTrue();
        report.GradientMaxRelativeError.Should().BeInRange(0, 1e-10);
    }

    [Fact]
    public async Task AllRanks_SlowedAlike_NobodyIsAccused()
    {
        string[] slow = [.. Enumerable.Range(0, 4).SelectMany(rank => new[] { "--slow", $"{rank}:2.0@40-70" })];
        RunOutcome outcome = await RunFourEqualsAsync(slow);
        RunReport report = outcome.Report();

        report.Verdicts.Should().BeEmpty();
        report.Plans.Should().BeEmpty();
        outcome.Output.Should().Contain(line => line.Contains("the cause is common and no rank is accused"));
    }

    [Fact]
    public async Task OneRank_MadeFaster_NobodyIsAccused()
    {
        RunReport report = (await RunFourEqualsAsync("--slow", "2:0.5@40-80")).Report();

        report.Verdicts.Should().BeEmpty();
        report.Plans.Should().NotBeEmpty("there is time to win").And.Subject.First().MicroBatches[2].Should().BeGreaterThan(4);
    }

    private Task<RunOutcome> RunFourEqualsAsync(params string[] slow) => SampleRun.CompleteAsync(
        log, _folder, ["--fleet", _folder.WriteEquals(ranks: 4, paceMs: 10), "--micro-batches", "16", "--steps", "80", "--json", .. slow]);
}
