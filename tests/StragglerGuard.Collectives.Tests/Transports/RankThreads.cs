using System.Net;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Transports;

/// <summary>Makes groups of one kind of transport; the tests of groups run on each kind.</summary>
public interface IGroupFactory
{
    /// <summary>One end for each rank; each is disposed by the thread that used it.</summary>
    IReadOnlyList<ITransport> Create(int worldSize, TransportOptions options, int generation = 0);
}

public sealed class InProcessGroups : IGroupFactory
{
    public IReadOnlyList<ITransport> Create(int worldSize, TransportOptions options, int generation = 0) =>
        InProcessGroup.Create(worldSize, options).Transports;
}

/// <summary>Real sockets over loopback, all ends in this process.</summary>
public sealed class TcpGroups : IGroupFactory
{
    public IReadOnlyList<ITransport> Create(int worldSize, TransportOptions options, int generation = 0)
    {
        var listeners = Enumerable.Range(0, worldSize).Select(_ => TcpTransport.ListenOnLoopback()).ToArray();
        var endpoints = listeners.Select(l => (IPEndPoint)l.LocalEndPoint!).ToArray();
        var transports = new ITransport[worldSize];
        RankThreads.Run(worldSize, rank => transports[rank] = TcpTransport.Connect(
            listeners[rank],
            endpoints,
            new TcpIdentity(new Rank(rank), "secret") { PlanHash = 7, Generation = new Generation(generation) },
            options));
        return transports;
    }
}

/// <summary>Runs one thread per rank and waits for all of them.</summary>
internal static class RankThreads
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Fails with the first exception of any rank.</summary>
    public static void Run(int worldSize, Action<int> body)
    {
        var outcomes = Observe(worldSize, body);
        if (outcomes.FirstOrDefault(o => o is not null) is { } failure)
        {
            throw new InvalidOperationException($"A rank failed: {failure.Message}", failure);
        }
    }

    /// <summary>Runs the ranks of a group, each of which disposes its end; a rank that fails tells the others.</summary>
    public static void Run(IReadOnlyList<ITransport> transports, Action<ITransport> body) => Run(transports.Count, rank =>
    {
        using var transport = transports[rank];
        try
        {
            body(transport);
        }
        catch (Exception e) when (e is not CollectiveException)
        {
            transport.Abort(e.Message);
            throw;
        }
    });

    /// <summary>What each rank threw, or null.</summary>
    public static Exception?[] Observe(int worldSize, Action<int> body)
    {
        var outcomes = new Exception?[worldSize];
        var threads = Enumerable.Range(0, worldSize).Select(rank => new Thread(() =>
        {
            try
            {
                body(rank);
            }
            catch (Exception e)
            {
                outcomes[rank] = e;
            }
        })
        { IsBackground = true }).ToArray();
        Array.ForEach(threads, t => t.Start());
        var stuck = threads.Select((t, rank) => t.Join(Patience) ? -1 : rank).Where(r => r >= 0).ToArray();
        stuck.Should().BeEmpty("these ranks should have come back");
        return outcomes;
    }
}
