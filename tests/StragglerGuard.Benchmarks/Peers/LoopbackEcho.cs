using System.Net;
using System.Net.Sockets;
using StragglerGuard.Benchmarks.Measurement;

namespace StragglerGuard.Benchmarks.Peers;

/// <summary>A message to another thread and back over a bare socket on loopback: the least that two ranks can say to each other.</summary>
internal sealed class LoopbackEcho : IDisposable
{
    private readonly byte[] _message;
    private readonly Socket _caller = NewSocket();
    private readonly Thread _echo;

    /// <summary>Connects.</summary>
    public LoopbackEcho(int messageBytes)
    {
        _message = new byte[messageBytes];
        using Socket listener = NewSocket();
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        _caller.Connect(listener.LocalEndPoint!);
        Socket callee = listener.Accept();
        callee.NoDelay = true;
        _echo = new Thread(() => Echo(callee)) { IsBackground = true, Name = "echo" };
        _echo.Start();
    }

    /// <summary>Round trips back to back.</summary>
    /// <param name="count">Round trips a turn.</param>
    public Contestant RoundTrips(int count) => Contestant.Of(count, () =>
    {
        for (int i = 0; i < count; i++)
        {
            _caller.Send(_message);
            if (!TryReceive(_caller, _message))
            {
                throw new InvalidOperationException("The echo has gone.");
            }
        }
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        _caller.Dispose();
        _echo.Join();
    }

    private static Socket NewSocket() => new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    private static bool TryReceive(Socket socket, Span<byte> message)
    {
        while (!message.IsEmpty)
        {
            int received = socket.Receive(message);
            if (received == 0)
            {
                return false;
            }

            message = message[received..];
        }

        return true;
    }

    private void Echo(Socket callee)
    {
        using (callee)
        {
            Span<byte> message = stackalloc byte[_message.Length];
            while (TryReceive(callee, message))
            {
                callee.Send(message);
            }
        }
    }
}
