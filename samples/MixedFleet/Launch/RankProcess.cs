using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using MixedFleet.CommandLine;
using MixedFleet.Training;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;

namespace MixedFleet.Launch;

/// <summary>One rank as a process of its own, started by <see cref="ProcessLauncher"/>.</summary>
internal sealed class RankProcess(RunSettings settings)
{
    private const int ProgressPeriodMs = 40;

    private readonly Lock _output = new();
    private readonly Lock _complaints = new();
    private bool _hasComplained;
    private TcpTransport? _transport;

    /// <summary>Takes its place in the job and trains.</summary>
    /// <returns>See <see cref="ExitCodes"/>.</returns>
    public int Run()
    {
        // Ctrl-C reaches every process of the terminal: the launcher ends the job, and says so once.
        using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using Socket listener = TcpTransport.ListenOnLoopback();
        Tell(new RankListening(((IPEndPoint)listener.LocalEndPoint!).Port));

        string? line = Console.In.ReadLine();
        if (line is null || RankProtocol.ParseAssignment(line) is not { } assignment)
        {
            Console.Error.WriteLine("the launcher died before it had said which rank this is");
            return ExitCodes.RankLost;
        }

        new Thread(() => LeaveWithLauncher(assignment)) { IsBackground = true, Name = "launcher-watch" }.Start();
        try
        {
            Tell(new RankFinished(Train(assignment, listener)));
            return ExitCodes.Done;
        }
        catch (CollectiveException lost)
        {
            Complain($"rank {assignment.Rank}: {lost.Message}");
            return ExitCodes.RankLost;
        }
    }

    private RankResult Train(RankAssignment assignment, Socket listener)
    {
        using TcpTransport transport = TcpTransport.Connect(
            listener,
            [.. assignment.Ports.Select(port => new IPEndPoint(IPAddress.Loopback, port))],
            new TcpIdentity(new Rank(assignment.Rank), assignment.Token)
            {
                PlanHash = JobPlan.Even(settings.MicroBatches, settings.WorldSize).Hash,
            },
            settings.Options.Collectives.ToTransportOptions());
        Volatile.Write(ref _transport, transport);
        using var device = new CpuDevice();
        using var communicator = new Communicator(transport, device);
        var fabric = new WebSocketAgentFabric(assignment.Guardian, assignment.Token);
        var node = new NodeId($"rank-{assignment.Rank}");
        using var agent = new NodeAgent(fabric, node, settings.Options.Agent);
        using RankGuard guarded = agent.Join(
            RankEnrollment.DataParallel(
                settings.Job, node, new DeviceClass(settings.Fleet.Ranks[assignment.Rank].DeviceClass), communicator, settings.MicroBatches),
            communicator);
        long told = 0;
        return new RankTraining(settings, assignment.Rank, assignment.Stretch, (step, loss) =>
        {
            if (assignment.Rank == 0 && (Environment.TickCount64 - told >= ProgressPeriodMs || step == settings.Phases.Steps - 1))
            {
                told = Environment.TickCount64;
                Tell(new RankProgress(step, loss));
            }
        }).Run(guarded, communicator, device);
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
    /// Waits for the launcher's word that the job is lost, or for its end, which closes the pipe: a rank without its launcher would train
    /// on unseen. This thread leaves even where the training thread computes, and would hear of it at its next collective only.
    /// </summary>
    private void LeaveWithLauncher(RankAssignment assignment)
    {
        string? line = Console.In.ReadLine();
        TcpTransport? transport = Volatile.Read(ref _transport);
        if (line is not null && RankProtocol.ParseJobLost(line) is { } lost)
        {
            // Peers must have learnt of the dead rank from its connections before this rank closes its own, or they would blame it.
            transport?.Aborted.WaitHandle.WaitOne(settings.Options.Collectives.ToTransportOptions().AnswerGrace);
            Complain($"rank {assignment.Rank}: {lost.Cause}; this rank leaves");
        }
        else
        {
            string cause = $"the launcher (pid {assignment.LauncherPid}) died";
            Complain($"rank {assignment.Rank}: {cause}; this rank leaves");

            // A peer that sees this rank go before its own pipe has ended reads the cause, and does not blame this rank.
            transport?.Abort(cause);
        }

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
