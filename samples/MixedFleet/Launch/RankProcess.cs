using System.Runtime.InteropServices;
using MixedFleet.Cluster;
using MixedFleet.CommandLine;
using MixedFleet.Groups;
using MixedFleet.Training;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace MixedFleet.Launch;

/// <summary>One rank as a process of its own, started by <see cref="ProcessLauncher"/>.</summary>
internal sealed class RankProcess(RunSettings settings)
{
    private const int ProgressPeriodMs = 40;

    private readonly Lock _output = new();
    private readonly Lock _complaints = new();
    private bool _hasComplained;

    /// <summary>Takes its place in the job and trains.</summary>
    /// <returns>See <see cref="ExitCodes"/>.</returns>
    public int Run()
    {
        // Ctrl-C reaches every process of the terminal: the launcher ends the job, and says so once.
        using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        if (Console.In.ReadLine() is not { } line || RankProtocol.ParseFromLauncher(line) is not RankAssignment assignment)
        {
            Console.Error.WriteLine("the launcher died before it had said which rank this is");
            return ExitCodes.RankLost;
        }

        var node = new NodeId($"rank-{assignment.Slot}");
        RunSettings run = settings with { Options = settings.Options with { Job = assignment.Job } };
        using IRankEngine engine = assignment.Guardian is { } guardian
            ? new ThreadEngine(new WebSocketAgentFabric(guardian, assignment.Token))
            : ClusterParts.StartEngine(run, assignment.Guardians!);
        using var agent = new NodeAgent(engine.Fabric, node, settings.Options.Agent, settings.Devices.Reader);
        var seat = new ProcessSeat(assignment, agent, node, settings.Options.Collectives.ToTransportOptions(), Tell);
        new Thread(() => Listen(assignment, seat)) { IsBackground = true, Name = "launcher-watch" }.Start();
        try
        {
            long told = 0;
            void Note(int slot, int number, long step, double loss, ReadOnlySpan<long> computed)
            {
                if (number == 0 && (Environment.TickCount64 - told >= ProgressPeriodMs || step == settings.Phases.Steps - 1))
                {
                    told = Environment.TickCount64;
                    Tell(new RankProgress(step, loss));
                }
            }

            var training = new RankTraining(run, assignment.Slot, seat, assignment.Stretch, Note, Console.Error.WriteLine);
            Tell(new RankFinished(engine.Run(training)));
            return ExitCodes.Done;
        }
        catch (Exception lost) when (lost is CollectiveException or GroupNotMetException)
        {
            Complain($"rank {assignment.Slot}: {lost.Message}");
            return ExitCodes.RankLost;
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
            // Nobody reads any more: the launcher's watch ends this process.
        }
    }

    /// <summary>
    /// Hears the launcher until the job is lost, or the launcher's end closes the pipe: a rank without its launcher would train on
    /// unseen. This thread leaves even where the training thread computes, and would hear of it at its next collective only.
    /// </summary>
    private void Listen(RankAssignment assignment, ProcessSeat seat)
    {
        while (Console.In.ReadLine() is { } line)
        {
            switch (RankProtocol.ParseFromLauncher(line))
            {
                case JobLost lost:
                    // Peers must have learnt of the dead rank from its connections before this rank closes its own, or they would blame it.
                    seat.Transport?.Aborted.WaitHandle.WaitOne(settings.Options.Collectives.ToTransportOptions().AnswerGrace);
                    Complain($"rank {assignment.Slot}: {lost.Cause}; this rank leaves");
                    Environment.Exit(ExitCodes.RankLost);
                    return;
                case { } said:
                    seat.Hear(said);
                    break;
            }
        }

        string cause = $"the launcher (pid {assignment.LauncherPid}) died";
        Complain($"rank {assignment.Slot}: {cause}; this rank leaves");

        // A peer that sees this rank go before its own pipe has ended reads the cause, and does not blame this rank.
        seat.Transport?.Abort(cause);
        Environment.Exit(ExitCodes.RankLost);
    }

    /// <summary>Says why this rank leaves, once: whoever is second merely saw what follows from the cause.</summary>
    private void Complain(string complaint)
    {
        lock (_complaints)
        {
            if (!_hasComplained)
            {
                _hasComplained = true;
                Console.Error.WriteLine(complaint);
            }
        }
    }
}
