using System.Globalization;
using System.Text.RegularExpressions;
using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.MixedFleet;

public sealed partial class DeathTests(ITestOutputHelper log) : IDisposable
{
    private const int Ranks = 4;

    /// <summary>As the README states it.</summary>
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(5);

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxTheory]
    [InlineData(0, true)]
    [InlineData(2, true)]
    [InlineData(1, false)]
    public async Task RankProcess_Killed_EndsTheOthersInTimeAndEachNamesIt(int victim, bool onceItTrains)
    {
        await using SampleRun run = StartProcesses();
        int[] pids = await PidsAsync(run);
        if (onceItTrains)
        {
            await run.NextLineAsync("step");
        }

        MarkedProcesses.Signal(pids[victim], MarkedProcesses.Kill).Should().BeTrue();
        RunOutcome outcome = await run.EndAsync(LeaveLimit);

        outcome.ExitCode.Should().Be(3);
        outcome.Errors.Should().HaveCount(Ranks, "three survivors and the launcher speak, once each");
        foreach (int survivor in Enumerable.Range(0, Ranks).Where(rank => rank != victim))
        {
            outcome.Errors.Should().ContainSingle(line => line.StartsWith($"rank {survivor}: "))
                .Which.Should().Contain($": rank {victim} died");
        }

        outcome.Errors[^1].Should().Be($"MixedFleet: rank {victim} (pid {pids[victim]}) was ended by signal 9; the job ended");
        run.Processes.Should().BeEmpty();
    }

    [LinuxFact]
    public async Task Launcher_Killed_EndsTheRanksInTimeAndEachNamesIt()
    {
        await using SampleRun run = StartProcesses();
        int[] pids = await PidsAsync(run);
        await run.NextLineAsync("step");
        run.Processes.Should().BeEquivalentTo([run.Pid, .. pids]);

        MarkedProcesses.Signal(run.Pid, MarkedProcesses.Kill).Should().BeTrue();
        RunOutcome outcome = await run.EndAsync(LeaveLimit);

        for (int rank = 0; rank < Ranks; rank++)
        {
            outcome.Errors.Should().ContainSingle(line => line.StartsWith($"rank {rank}: "))
                .Which.Should().Contain($"the launcher (pid {run.Pid}) died");
        }

        run.Processes.Should().BeEmpty();
    }

    [LinuxTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Run_Terminated_LeavesWith130AndNothingBehind(bool processes)
    {
        await using SampleRun run = processes ? StartProcesses() : Start();
        await run.NextLineAsync("step");

        MarkedProcesses.Signal(run.Pid, MarkedProcesses.Terminate).Should().BeTrue();
        RunOutcome outcome = await run.EndAsync(LeaveLimit);

        outcome.ExitCode.Should().Be(130);
        outcome.Errors.Should().Contain("MixedFleet: interrupted");
        run.Processes.Should().BeEmpty();
    }

    private SampleRun StartProcesses() => Start("--processes");

    private SampleRun Start(params string[] more) => SampleRun.Start(
        log, _folder, ["--fleet", _folder.WriteEquals(Ranks, paceMs: 5), "--micro-batches", "8", "--steps", "100000", .. more]);

    private static async Task<int[]> PidsAsync(SampleRun run)
    {
        string line = await run.NextLineAsync("  pids");
        int[] pids = [.. RankAndPid().Matches(line).Select(match => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))];
        pids.Should().HaveCount(Ranks);
        return pids;
    }

    [GeneratedRegex(@"rank \d+: (\d+)")]
    private static partial Regex RankAndPid();
}
