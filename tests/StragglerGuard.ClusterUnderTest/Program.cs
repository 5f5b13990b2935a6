using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StragglerGuard.Agent;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Ranks;
using StragglerGuard.ClusterUnderTest;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

// Arguments: the guard's options, the rank. It says "listening PORT", is told "meet PORT…" of all ranks, in order, says what happens, and ends
// when it is told to "finish", or its standard input does.
if (args is not [var file, var number])
{
    Console.Error.WriteLine("usage: OPTIONS RANK");
    return 2;
}

OptionsOutcome outcome = OptionsReader.ReadFile(file);
if (outcome.Options is not { } options)
{
    Console.Error.WriteLine(string.Join(Environment.NewLine, outcome.Errors));
    return 2;
}

var rank = new Rank(int.Parse(number, CultureInfo.InvariantCulture));
var output = new Lock();
Socket listener = TcpTransport.ListenOnLoopback();
Say(string.Create(CultureInfo.InvariantCulture, $"listening {((IPEndPoint)listener.LocalEndPoint!).Port}"));
if (Console.In.ReadLine()?.Split(' ') is not ["meet", .. var ports])
{
    return 3;
}

using TcpTransport transport = TcpTransport.Connect(
    listener, [.. ports.Select(port => new IPEndPoint(IPAddress.Loopback, int.Parse(port, CultureInfo.InvariantCulture)))],
    new TcpIdentity(rank, "a token of the tests"), options.Collectives.ToTransportOptions());
using var device = new CpuDevice();
using var communicator = new Communicator(transport, device);
await using var fabric = AkkaAgentFabric.Connect(options, warning => Say($"warned {warning.ReplaceLineEndings(" ")}"));
var node = new NodeId($"node-{rank.Value}");
using var agent = new NodeAgent(fabric, node, options.Agent);
RankEnrollment enrollment = RankEnrollment.DataParallel(
    new JobId(options.Job), node, new DeviceClass("H100"), communicator, PacedTraining.MicroBatches);
RankEnd end;
using (RankGuard guard = agent.Join(enrollment, communicator))
{
    var training = new PacedTraining(guard, communicator, Say);
    new Thread(() => Listen(training)) { IsBackground = true, Name = "orders" }.Start();
    end = await fabric.RunRanks([training]).EndOf(0);
    if (end.Cause is null)
    {
        // The connections stay open until all have read the last step.
        communicator.Barrier();
    }
}

if (end.Cause is not null)
{
    Console.Error.WriteLine(end.Cause);
    return 1;
}

return 0;

static void Listen(PacedTraining training)
{
    while (Console.In.ReadLine() is { } line)
    {
        if (line == "finish")
        {
            training.AskToEnd();
        }
    }

    // Whoever started it is gone.
    Environment.Exit(3);
}

void Say(string line)
{
    lock (output)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }
}
