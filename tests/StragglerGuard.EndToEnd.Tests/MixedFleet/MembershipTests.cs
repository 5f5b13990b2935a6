using System.Globalization;
using System.Text.RegularExpressions;
using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.MixedFleet;

/// <summary>Ranks that leave the job and come back, as processes, under a real guardian.</summary>
public sealed partial class MembershipTests(ITestOutputHelper log) : IDisposable
{
    private const int Ranks = 4;
    private const int Stop = 19;

    /// <summary>As the README states it.</summary>
    private const long StepsToSwitch = 10;

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task RanksThatAreSlowForAWhile_LeaveAndComeBackTwice()
    {
        RunOutcome outcome = await SampleRun.CompleteAsync(
            log, _folder, [.. Arguments("380"), "--slow", "2:4@40-130", "--slow", "0:4@210-290", "--json"]);
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

    [LinuxTheory]
    [InlineData(0, MarkedProcesses.Kill)]
    [InlineData(2, Stop)]
    public async Task RankProcess_LostWhileTheGuardMayEvict_IsLeftBehind(int victim, int signal)
    {
        await using SampleRun run = SampleRun.Start(log, _folder, [.. Arguments("160"), "--json"]);
        string line = await run.NextLineAsync("  pids");
        int[] pids = [.. RankAndPid().Matches(line).Select(match => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))];
        await run.NextLineAsync("step   8"); // Steps are told of by the twenty, and the guard acts from step 40 on.
        MarkedProcesses.Signal(pids[victim], signal).Should().BeTrue();

        RunOutcome outcome = await run.EndAsync();

        RunReport report = outcome.Report();
        report.Members.Should().Equal(Enumerable.Range(0, Ranks).Where(rank => rank != victim));
        report.Mitigations.Should().ContainSingle().Which.Kind.Should().Be("restart");
        report.Mitigations[0].Reason.Should().Contain($"rank {victim} ");
        report.WeightsIdenticalAcrossRanks.Should().BeTrue();
        report.GradientMaxRelativeError.Should().BeInRange(0, 1e-10);
        report.Ranks.Sum(rank => rank.MicroBatches).Should().Be(16, "the global batch stays");
        report.Ranks[victim].MicroBatches.Should().Be(0);
        run.Processes.Should().BeEmpty();
    }

    private string[] Arguments(string steps) =>
    [
        "--processes", "--fleet", _folder.WriteEquals(Ranks, paceMs: 5), "--micro-batches", "16", "--steps", steps, "--mitigate", "evict",
        "--options", _folder.Write("guard.json", """
            {
              "agent": { "intervalMs": 50 },
              "mitigation": { "regroupSeconds": 0.2, "probationSeconds": 1, "evictionsPerHour": 10 },
              "collectives": { "timeoutSeconds": 2 }
            }
            """),
    ];

    [GeneratedRegex(@"rank \d+: (\d+)")]
    private static partial Regex RankAndPid();
}
