using System.Diagnostics;
using System.Runtime.Versioning;
using StragglerGuard.Actuators.Slurm;

namespace StragglerGuard.Tests.Actuators.Slurm;

[SupportedOSPlatform("linux")]
public sealed class SlurmCommandRunnerTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stragglerguard-");

    public void Dispose() => _folder.Delete(recursive: true);

    [FactOnUnix]
    public async Task Run_PassesArgumentsAsTheyAre()
    {
        var result = await RunAsync("for a in \"$@\"; do echo \"<$a>\"; done; echo problem >&2; exit 3", ["a b", "$HOME", "'; rm -rf x", "*", ""]);

        result.ExitCode.Should().Be(3);
        result.Output.Should().Be("<a b>\n<$HOME>\n<'; rm -rf x>\n<*>\n<>\n");
        result.Error.Should().Be("problem\n");
    }

    [FactOnUnix]
    public async Task Run_HandsOnNothingOfItsEnvironmentButWhatProgramsNeed()
    {
        Environment.SetEnvironmentVariable("STRAGGLERGUARD_TEST_SECRET", "hunter2");
        Environment.SetEnvironmentVariable("SQUEUE_FORMAT", "%i");
        try
        {
            var result = await RunAsync("env", []);

            result.Output.Split('\n').Should().Contain("SLURM_CONF=/etc/other.conf").And.Contain(line => line.StartsWith("PATH="));
            result.Output.Should().NotContain("hunter2").And.NotContain("SQUEUE_FORMAT");
        }
        finally
        {
            Environment.SetEnvironmentVariable("STRAGGLERGUARD_TEST_SECRET", null);
            Environment.SetEnvironmentVariable("SQUEUE_FORMAT", null);
        }
    }

    [FactOnUnix]
    public async Task Run_OfWhatNeverEnds_EndsItWithItsChildren()
    {
        var result = await RunAsync("echo $$ >pids; sleep 600 & echo $! >>pids; wait", [], TimeSpan.FromSeconds(0.5));

        result.ExitCode.Should().BeNull();
        result.Error.Should().Be("scontrol took longer than 0.5 s and was ended");
        foreach (var pid in await File.ReadAllLinesAsync(Path.Combine(_folder.FullName, "pids")))
        {
            var watch = Stopwatch.StartNew();
            while (IsAlive(pid))
            {
                watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(10), "process {0} was ended", pid);
            }
        }
    }

    [FactOnUnix]
    public async Task Run_WhenCancelled_EndsItAndThrows()
    {
        using var cancellation = new CancellationTokenSource(TimeSpan.FromSeconds(0.2));

        await FluentActions.Awaiting(() => RunAsync("sleep 600", [], TimeSpan.FromMinutes(1), cancellation.Token)).Should().ThrowAsync<OperationCanceledException>();
    }

    [FactOnUnix]
    public async Task Run_OfAProgramThatIsMissing_SaysSo()
    {
        var result = await new SlurmCommandRunner(new SlurmActuatorOptions { CommandFolder = _folder.FullName }).RunAsync("scontrol", [], null, default);

        result.ExitCode.Should().BeNull();
        result.Error.Should().StartWith("scontrol can't be started: ");
    }

    // A zombie is none that lives: its parent may be any process that adopts it late.
    private static bool IsAlive(string pid)
    {
        try
        {
            return !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task<CommandResult> RunAsync(
        string script, IReadOnlyList<string> arguments, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        var path = Path.Combine(_folder.FullName, "scontrol");
        await File.WriteAllTextAsync(path, "#!/bin/sh\n" + script + "\n", CancellationToken.None);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var options = new SlurmActuatorOptions
        {
            CommandFolder = _folder.FullName,
            ConfigurationFile = "/etc/other.conf",
            CommandTimeout = timeout ?? TimeSpan.FromSeconds(30),
        };
        return await new SlurmCommandRunner(options).RunAsync("scontrol", arguments, _folder.FullName, cancellationToken);
    }

    /// <summary>A fact about processes, told through /proc; skipped, with the reason, on other systems.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class FactOnUnixAttribute : FactAttribute
    {
        public FactOnUnixAttribute() => Skip = OperatingSystem.IsLinux() ? null : "processes are started and found as on Linux";
    }
}
