using System.ComponentModel;
using System.Diagnostics;
using MixedFleet.Cluster.Actors;
using MixedFleet.Launch;

namespace MixedFleet.Tests.Cluster;

/// <summary>The guardians' processes in the hands of the launcher; here they are programs that only read until the launcher's end.</summary>
public sealed class GuardianProcessesTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly List<Process> _started = [];
    private readonly List<int> _pids = [];

    [FactOnLinux]
    public async Task OneThatCantBeStartedAgain_IsSaidAndTheOthersAreEndedInOrder()
    {
        var said = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        GuardianProcesses guardians = GuardianProcesses.Start(() => StartOrRefuse(max: GuardianProcesses.Count), Assign, line => said.TrySetResult(line));
        await using (guardians)
        {
            int killed = _pids[1];
            _started[1].Kill();
            (await said.Task.WaitAsync(s_patience)).Should().Be(
                $"* guardian 1 (pid {killed}) was ended by signal 9: guardian 1 could not be started ({new Win32Exception(11).Message})");
            guardians.AllGivenUp.IsCompleted.Should().BeFalse("it is tried again, and the others are there");
        }

        guardians.AllGivenUp.IsCompletedSuccessfully.Should().BeTrue();
        Alive().Should().BeEmpty();
    }

    [FactOnLinux]
    public void Start_WhereTheLastCantBeStarted_EndsTheOthers()
    {
        FluentActions.Invoking(() => GuardianProcesses.Start(() => StartOrRefuse(max: GuardianProcesses.Count - 1), Assign, _ => { }))
            .Should().Throw<Win32Exception>();

        _started.Should().HaveCount(GuardianProcesses.Count - 1);
        Alive().Should().BeEmpty();
    }

    private static GuardianAssignment Assign(int port, string guardians) => new("job", port, guardians, "ledger", "token", "folder");

    private Process StartOrRefuse(int max)
    {
        lock (_started)
        {
            if (_started.Count == max)
            {
                throw new Win32Exception(11);
            }

            _started.Add(Process.Start(new ProcessStartInfo("wc") { RedirectStandardInput = true, RedirectStandardOutput = true })!);
            _pids.Add(_started[^1].Id);
            return _started[^1];
        }
    }

    /// <summary>By number: the launcher has let go of the processes.</summary>
    private IEnumerable<string> Alive() => _pids.Select(pid => $"/proc/{pid}").Where(Directory.Exists);

    private sealed class FactOnLinuxAttribute : FactAttribute
    {
        public FactOnLinuxAttribute() => Skip = OperatingSystem.IsLinux() ? null : "processes are started and found as on Linux";
    }
}
