using System.Globalization;
using System.Text.RegularExpressions;
using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.Cluster;

/// <summary>The sample with three guardian processes over Akka.NET.</summary>
public sealed partial class ClusterRunTests(ITestOutputHelper log) : IDisposable
{
    private const int Ranks = 4;
    private const int Guardians = 3;

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxFact]
    public async Task Run_OverAkka_TrainsAsProcessesDoBitForBit()
    {
        string[] words =
            ["--fleet", _folder.WriteEquals(Ranks, paceMs: 5), "--micro-batches", "8", "--steps", "40", "--mitigate", "none", "--json"];
        RunOutcome embedded = await SampleRun.CompleteAsync(log, _folder, [.. words, "--processes", "--checkpoint", "embedded"]);
        await using SampleRun run = SampleRun.Start(log, _folder, [.. words, "--fabric", "akka", "--checkpoint", "cluster"]);
        RunOutcome cluster = await run.EndAsync();

        RunReport report = cluster.Report();
        report.WeightsIdenticalAcrossRanks.Should().BeTrue();
        report.LossLast.Should().Be(embedded.Report().LossLast);
        File.ReadAllBytes(Path.Combine(_folder.Path, "cluster")).Should().Equal(
            File.ReadAllBytes(Path.Combine(_folder.Path, "embedded")), "weights, optimiser and queue are in it");
        cluster.Output.Where(line => line.StartsWith("* the guardian ") && line.EndsWith(" decides")).Distinct().Should().ContainSingle(
            "it is one and the same throughout; on a busy machine the launcher may lose sight of it for a moment");
        run.Processes.Should().BeEmpty();
    }

    [LinuxFact]
    public async Task Guardians_ThatTheOptionsNameAndThatDontAnswer_AreWaitedForInSoManyWords()
    {
        string options = _folder.Write("theirs.json", """{ "cluster": { "guardians": "127.0.0.1:1" } }""");
        await using SampleRun run = SampleRun.Start(log, _folder, "--fabric", "akka", "--options", options);

        (await run.NextLineAsync("waiting")).Should().Be("waiting for the guardians at 127.0.0.1:1, 60 s at most");
        MarkedProcesses.Signal(run.Pid, MarkedProcesses.Terminate).Should().BeTrue();

        (await run.EndAsync(TimeSpan.FromSeconds(10))).ExitCode.Should().Be(130);
    }

    [LinuxFact]
    public async Task Guardian_ThatDecides_Killed_IsFollowedAndTheRunEndsWithWhatBothDecided()
    {
        await using SampleRun run = SampleRun.Start(
            log, _folder, "--fabric", "akka", "--fleet", _folder.WriteEquals(Ranks, paceMs: 10), "--micro-batches", "16", "--steps", "400",
            "--slow", "1:2@30-400", "--ledger", "decisions", "--json");
        int first = await DecidingAsync(run);
        await run.NextLineAsync("step   40");

        MarkedProcesses.Signal(first, MarkedProcesses.Kill).Should().BeTrue();
        (await run.NextLineAsync("* guardian ")).Should().Contain($"(pid {first}) was ended by signal 9: started again (pid ");
        int second = await DecidingAsync(run);
        RunReport report = (await run.EndAsync()).Report();

        second.Should().NotBe(first);
        report.Members.Should().HaveCount(Ranks);
        report.WeightsIdenticalAcrossRanks.Should().BeTrue();
        report.GradientMaxRelativeError.Should().BeLessThanOrEqualTo(1e-10);
        report.Plans.Should().Contain(plan => plan.MicroBatches[1] < 4, "the new guardian acts as the old one was told to");
        run.Processes.Should().BeEmpty();
    }

    [LinuxFact]
    public async Task Launcher_Killed_EndsRanksAndGuardians()
    {
        await using SampleRun run = SampleRun.Start(
            log, _folder, "--fabric", "akka", "--fleet", _folder.WriteEquals(Ranks, paceMs: 5), "--micro-batches", "8", "--steps", "100000");
        await run.NextLineAsync("step");
        run.Processes.Should().HaveCount(1 + Ranks + Guardians);
        string shared = HeldBy(run.Processes).Should().ContainSingle("the guardians hold what they share").Subject;

        MarkedProcesses.Signal(run.Pid, MarkedProcesses.Kill).Should().BeTrue();
        RunOutcome outcome = await run.EndAsync(TimeSpan.FromSeconds(20));

        outcome.Errors.Should().HaveCount(Ranks).And.OnlyContain(line => line.Contains($"the launcher (pid {run.Pid}) died"));
        run.Processes.Should().BeEmpty();
        Directory.Exists(shared).Should().BeFalse("the last guardian deletes it");
    }

    [LinuxFact]
    public async Task Run_Terminated_LeavesWith130AndNothingBehind()
    {
        await using SampleRun run = SampleRun.Start(
            log, _folder, "--fabric", "akka", "--fleet", _folder.WriteEquals(Ranks, paceMs: 5), "--micro-batches", "8", "--steps", "100000");
        await run.NextLineAsync("step");

        MarkedProcesses.Signal(run.Pid, MarkedProcesses.Terminate).Should().BeTrue();
        RunOutcome outcome = await run.EndAsync(TimeSpan.FromSeconds(10));

        outcome.ExitCode.Should().Be(130);
        outcome.Errors.Should().Equal("MixedFleet: interrupted");
        run.Processes.Should().BeEmpty();
    }

    /// <summary>The folders of the sample of which a process holds a file.</summary>
    private static IEnumerable<string> HeldBy(IEnumerable<int> pids) => pids
        .SelectMany(pid => Directory.GetFiles($"/proc/{pid}/fd"))
        .Select(file => Path.GetDirectoryName(new FileInfo(file).LinkTarget) ?? "")
        .Where(folder => Path.GetFileName(folder).StartsWith("mixedfleet-", StringComparison.Ordinal))
        .Distinct();

    /// <summary>The process of the guardian that decides, as the next line says.</summary>
    private static async Task<int> DecidingAsync(SampleRun run) => int.Parse(
        ProcessNumber().Match(await run.NextLineAsync("* the guardian ")).Groups[1].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@" process (\d+) since .* \(guardian [0-2]\) decides$")]
    private static partial Regex ProcessNumber();
}
