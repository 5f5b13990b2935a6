using System.Globalization;
using System.Text.RegularExpressions;
using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.MixedFleet;

/// <summary>A process that is lost is left behind where the guard may do so.</summary>
public sealed partial class LostMemberTests(ITestOutputHelper log) : IDisposable
{
    private const int Stop = 19;

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxTheory]
    [InlineData(0, MarkedProcesses.Kill)]
    [InlineData(2, Stop)]
    public async Task RankProcess_LostWhileTheGuardMayEvict_IsLeftBehind(int victim, int signal)
    {
        await using SampleRun run = SampleRun.Start(log, _folder, [.. EvictingFleet.Arguments(_folder, "100"), "--json"]);
        string line = await run.NextLineAsync("  pids");
        int[] pids = [.. RankAndPid().Matches(line).Select(match => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))];
        await run.NextLineAsync("step   4"); // Steps are told of by the twenty, and the guard acts from step 25 on.
        MarkedProcesses.Signal(pids[victim], signal).Should().BeTrue();

        RunOutcome outcome = await run.EndAsync();

        RunReport report = outcome.Report();
        report.Members.Should().Equal(Enumerable.Range(0, EvictingFleet.Ranks).Where(rank => rank != victim));
        report.Mitigations.Should().ContainSingle().Which.Kind.Should().Be("restart");
        report.Mitigations[0].Reason.Should().Contain($"rank {victim} ");
        report.WeightsIdenticalAcrossRanks.Should().BeTrue();
        report.GradientMaxRelativeError.Should().BeInRange(0, 1e-10);
        report.Ranks.Sum(rank => rank.MicroBatches).Should().Be(16, "the global batch stays");
        report.Ranks[victim].MicroBatches.Should().Be(0);
        run.Processes.Should().BeEmpty();
    }

    [GeneratedRegex(@"rank \d+: (\d+)")]
    private static partial Regex RankAndPid();
}
