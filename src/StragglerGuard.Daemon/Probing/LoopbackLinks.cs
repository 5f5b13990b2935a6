using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Probes;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Probing;

namespace StragglerGuard.Daemon.Probing;

/// <summary>A group whose ranks are threads of this process, connected by TCP over loopback, for as long as its links are measured.</summary>
internal static class LoopbackLinks
{
    // Threads of one process meet at once or, for want of sockets, never.
    private static readonly TransportOptions Prompt = new() { RendezvousTimeout = TimeSpan.FromSeconds(10) };

    /// <summary>Forms the group, measures, and dissolves it.</summary>
    /// <exception cref="CollectiveException">The group could not form, or ended.</exception>
    /// <exception cref="SocketException">The system grants no more sockets.</exception>
    public static ImmutableArray<LinkReading> Measure(int ranks, ProbeOptions options)
    {
        var listeners = new List<Socket>(ranks);
        try
        {
            for (int rank = 0; rank < ranks; rank++)
            {
                listeners.Add(TcpTransport.ListenOnLoopback());
            }
        }
        catch
        {
            listeners.ForEach(listener => listener.Dispose());
            throw;
        }

        IPEndPoint[] endpoints = [.. listeners.Select(listener => (IPEndPoint)listener.LocalEndPoint!)];

        // Other programs of the machine can reach the ports, too.
        string token = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
        var tables = new ImmutableArray<LinkReading>[ranks];
        var failures = new Exception?[ranks];
        Thread[] threads = [.. Enumerable.Range(0, ranks).Select(rank => new Thread(() =>
        {
            try
            {
                tables[rank] = RunRank(listeners[rank], endpoints, new TcpIdentity(new Rank(rank), token), options);
            }
            catch (Exception failure)
            {
                failures[rank] = failure;
            }
        }) { IsBackground = true, Name = $"probe rank {rank}" })];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());

        // Who failed on its own account says more than those who noticed.
        if ((failures.FirstOrDefault(failure => failure is not (null or CollectiveException)) ?? failures.FirstOrDefault(failure => failure is not null)) is { } first)
        {
            ExceptionDispatchInfo.Throw(first);
        }

        return tables[0];
    }

    private static ImmutableArray<LinkReading> RunRank(Socket listener, IPEndPoint[] endpoints, TcpIdentity identity, ProbeOptions options)
    {
        using TcpTransport transport = TcpTransport.Connect(listener, endpoints, identity, Prompt);
        using var device = new CpuDevice();
        using var communicator = new Communicator(transport, device);
        try
        {
            return LinkProbe.Measure(communicator, options);
        }
        catch (Exception failure) when (failure is not CollectiveException)
        {
            transport.Abort(failure.Message);
            throw;
        }
    }
}
