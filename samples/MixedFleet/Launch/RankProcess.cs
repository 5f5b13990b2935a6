using System.Net;
using System.Net.Sockets;
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
    private RankAssignment? _assignment;

    /// <summary>Takes its place in the job and trains.</summary>
    /// <returns>See <see cref="ExitCodes"/>.</returns>
    public int Run()
    {
        using Socket listener = TcpTransport.ListenOnLoopback();
        Tell(new RankListening(((IPEndPoint)listener.LocalEndPoint!).Port));

        string? line = Console.In.ReadLine();
        if (line is null || RankProtocol.ParseAssignment(line) is not { } assignment)
        {
            Console.Error.WriteLine("the launcher died before it had said which rank this is");
            return ExitCodes.RankLost;
        }

        _assignment = assignment;
        new Thread(LeaveWithLauncher) { IsBackground = true, Name = "launcher-watch" }.Start();
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
    private void LeaveWithLauncher()
    {
        while (Console.In.ReadLine() is not null)
        {
            // Nothing more is said on this pipe.
        }

        Console.Error.WriteLine($"rank {_assignment!.Rank}: the launcher (pid {_assignment.LauncherPid}) died; this rank leaves");
        Environment.Exit(ExitCodes.RankLost);
    }

    /// <summary>Where the launcher is gone, its death is the cause, and the watch says so; else this does.</summary>
    private static void Complain(int rank, string message)
    {
        Console.Error.WriteLine($"rank {rank}: {message}");
    }
}
