using System.Runtime.InteropServices;
using MixedFleet.CommandLine;
using MixedFleet.Launch;
using MixedFleet.Training;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.Hosting;

namespace MixedFleet.Cluster.Actors;

/// <summary>One of the launcher's guardians, as a process of its own.</summary>
internal sealed class GuardianProcess(RunSettings settings)
{
    /// <summary>Leaving in order has limits of its own; beyond this it hangs.</summary>
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(12);

    private readonly Lock _output = new();

    /// <summary>Guards until the launcher ends, or SIGTERM; then leaves in order.</summary>
    /// <returns>See <see cref="ExitCodes"/>.</returns>
    public async Task<int> RunAsync()
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        // Ctrl-C reaches every process of the terminal: the launcher ends its guardians last.
        using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using PosixSignalRegistration onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            over.TrySetResult();
        });
        if (Console.In.ReadLine() is not { } line || RankProtocol.ParseFromLauncher(line) is not GuardianAssignment assignment)
        {
            await Console.Error.WriteLineAsync("the launcher died before it had said which guardian this is").ConfigureAwait(false);
            return ExitCodes.RankLost;
        }

        FileStream held = TemporaryPlace.Hold(assignment.TemporaryFolder);
        GuardianNode node;
        try
        {
            node = await GuardianNode.StartAsync(ClusterOptions.ForGuardian(
                settings.Options with { Job = assignment.Job }, assignment.Port, assignment.Guardians, assignment.Ledger, assignment.TokenFile)).ConfigureAwait(false);
        }
        catch (Exception refused) when (refused is ArgumentException or EndpointUnavailableException)
        {
            await Console.Error.WriteLineAsync($"guardian at port {assignment.Port}: {refused.Message}").ConfigureAwait(false);
            return ExitCodes.BadInput;
        }

        node.Complained += complaint => Tell(new GuardianComplains(complaint));
        Tell(new GuardianListening());

        // The launcher says nothing more: the end of the pipe is its own end, however it came.
        bool isLauncherGone = false;
        new Thread(() =>
        {
            while (Console.In.ReadLine() is not null)
            {
            }

            Volatile.Write(ref isLauncherGone, true);
            over.TrySetResult();
        })
        { IsBackground = true, Name = "launcher-watch" }.Start();
        await over.Task.ConfigureAwait(false);
        bool hasLeft = await LeaveAsync(node).ConfigureAwait(false);
        await held.DisposeAsync().ConfigureAwait(false);
        if (Volatile.Read(ref isLauncherGone))
        {
            TemporaryPlace.DeleteUnlessHeld(assignment.TemporaryFolder);
        }

        if (!hasLeft)
        {
            // What hangs would keep the process.
            Environment.Exit(ExitCodes.Failed);
        }

        return ExitCodes.Done;
    }

    /// <summary>Leaves in order.</summary>
    /// <returns>Whether it has, in time; else the others find out by themselves.</returns>
    private static async Task<bool> LeaveAsync(GuardianNode node)
    {
        try
        {
            await node.DisposeAsync().AsTask().WaitAsync(LeaveLimit).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private void Tell(RankMessage message)
    {
        try
        {
            lock (_output)
            {
                Console.Out.WriteLine(RankProtocol.Line(message));
                Console.Out.Flush();
            }
        }
        catch (IOException)
        {
            // Nobody reads any more: the watch ends this process.
        }
    }
}
