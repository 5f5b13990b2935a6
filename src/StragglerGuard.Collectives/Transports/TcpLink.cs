using System.Net.Sockets;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>The two connections to one peer, and what is known of it.</summary>
internal sealed class TcpLink(Rank peer, Socket data, Socket control) : IDisposable
{
    private const int SendPatienceUs = 50_000;

    private readonly Lock _sendGate = new();
    private bool _isMute;

    public Rank Peer { get; } = peer;

    /// <summary>Belongs to the rank's thread. Never blocks.</summary>
    public Socket Data { get; } = data;

    /// <summary>Read by the monitor, written by whoever has something to say. Never blocks.</summary>
    public Socket Control { get; } = control;

    /// <summary>Bytes of the control connection that don't make a frame yet. The monitor's.</summary>
    public byte[] ControlInput { get; } = new byte[2 * ControlFrame.BytesMax];

    /// <summary>How many they are. The monitor's.</summary>
    public int ControlInputCount { get; set; }

    /// <summary>The control connection has ended. The monitor's.</summary>
    public bool IsClosed { get; set; }

    /// <summary>What the peer said of itself; its goodbye included. The monitor's.</summary>
    public RankProgress Progress { get; } = new();

    /// <summary>The last question that the peer has answered. The monitor's.</summary>
    public long AnsweredQuestion { get; set; }

    /// <summary>The stamp that it answered, packed. The monitor's.</summary>
    public long AnsweredPacked { get; set; } = -1;

    /// <summary>Says something, unless the peer has stopped listening: a peer that takes nothing may not hold up the others.</summary>
    public void TrySendControl(ReadOnlySpan<byte> frame)
    {
        lock (_sendGate)
        {
            while (!_isMute && !frame.IsEmpty)
            {
                var sent = Control.Send(frame, SocketFlags.None, out var error);
                if (error == SocketError.Success)
                {
                    frame = frame[sent..];
                }
                else if (error is not (SocketError.WouldBlock or SocketError.Interrupted)
                    || !Control.Poll(SendPatienceUs, SelectMode.SelectWrite))
                {
                    // Half a frame may be out: nothing sensible can follow it.
                    _isMute = true;
                }
            }
        }
    }

    /// <summary>Tells the peer's system that nothing more will come.</summary>
    public void ShutdownControl()
    {
        lock (_sendGate)
        {
            _isMute = true;
            try
            {
                Control.Shutdown(SocketShutdown.Send);
            }
            catch (SocketException)
            {
                // Already closed by the peer, which is all we want.
            }
        }
    }

    public void Dispose()
    {
        Data.Dispose();
        Control.Dispose();
    }
}
