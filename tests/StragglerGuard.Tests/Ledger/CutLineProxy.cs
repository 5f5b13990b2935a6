using System.Net;
using System.Net.Sockets;

namespace StragglerGuard.Tests.Ledger;

/// <summary>Where a connection breaks.</summary>
public enum CutLine
{
    /// <summary>The server never sees the next request.</summary>
    BeforeTheRequest,

    /// <summary>The server carries the next request out, and its answer is lost.</summary>
    BeforeTheAnswer,
}

/// <summary>A line between a client and a server on this machine that can be cut at a chosen place.</summary>
internal sealed class CutLineProxy : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly string _serverSocket;
    private readonly List<Socket> _sockets = [];
    private readonly Lock _gate = new();
    private (CutLine When, bool ServerNotices, bool RefuseAfterwards)? _next;
    private int _cuts;

    public CutLineProxy(string serverSocket)
    {
        _serverSocket = serverSocket;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public int Cuts => Volatile.Read(ref _cuts);

    /// <summary>Whether new connections are closed at once.</summary>
    public bool Refuses { get; set; }

    /// <summary>Cuts the line at the next request, once.</summary>
    /// <param name="when">Before or after the server has seen it.</param>
    /// <param name="serverNotices">Whether the server's end is closed, too; otherwise its session stays.</param>
    /// <param name="refuseAfterwards">Whether there is no new connection, either.</param>
    public void CutNext(CutLine when, bool serverNotices, bool refuseAfterwards = false)
    {
        lock (_gate)
        {
            _next = (when, serverNotices, refuseAfterwards);
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        lock (_gate)
        {
            _sockets.ForEach(socket => socket.Dispose());
        }
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                Socket client = _listener.Accept();
                if (Refuses)
                {
                    client.Dispose();
                    continue;
                }

                var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                server.Connect(new UnixDomainSocketEndPoint(_serverSocket));
                lock (_gate)
                {
                    _sockets.Add(client);
                    _sockets.Add(server);
                }

                new Thread(() => Pump(client, server, client, server, CutLine.BeforeTheRequest)) { IsBackground = true }.Start();
                new Thread(() => Pump(server, client, client, server, CutLine.BeforeTheAnswer)) { IsBackground = true }.Start();
            }
        }
        catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private void Pump(Socket from, Socket to, Socket client, Socket server, CutLine here)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            int read;
            while ((read = from.Receive(buffer)) > 0)
            {
                if (IsCut(here, out bool serverNotices))
                {
                    client.Close();
                    if (serverNotices)
                    {
                        server.Close();
                    }

                    return;
                }

                to.Send(buffer.AsSpan(0, read));
            }

            to.Close();
        }
        catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
        {
            // The other direction was cut, or the test is over.
        }
    }

    private bool IsCut(CutLine here, out bool serverNotices)
    {
        lock (_gate)
        {
            serverNotices = _next?.ServerNotices ?? false;
            if (_next is not { } next || next.When != here)
            {
                return false;
            }

            _next = null;
            _cuts++;
            Refuses = next.RefuseAfterwards;
            return true;
        }
    }
}
