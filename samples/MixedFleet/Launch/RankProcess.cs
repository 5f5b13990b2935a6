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
    private bool _launcherDied;
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
            Complain(assignment.Rank, lost.Message);
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
                PlanHash = MicroBatchDeal.Even(settings.MicroBatches, settings.WorldSize).Hash,
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

    /// <summary>The launcher's end closes this pipe, whatever ended it. A rank without its launcher would train on unseen.</summary>
    private void LeaveWithLauncher(RankAssignment assignment)
    {
        while (Console.In.ReadLine() is not null)
        {
            // Nothing more is said on this pipe.
        }

        string cause = $"the launcher (pid {assignment.LauncherPid}) died";
        lock (_complaints)
        {
            _launcherDied = true;
            Console.Error.WriteLine($"rank {assignment.Rank}: {cause}; this rank leaves");
        }

        // A peer that sees this rank go before its own pipe has ended reads the cause, and does not blame this rank.
        Volatile.Read(ref _transport)?.Abort(cause);
        Environment.Exit(ExitCodes.RankLost);
    }

    /// <summary>Where the launcher is gone, its death is the cause, and the watch has said so; else this does.</summary>
    private void Complain(int rank, string message)
    {
        lock (_complaints)
        {
            if (!_launcherDied)
            {
                Console.Error.WriteLine($"rank {rank}: {message}");
            }
        }
    }
}
