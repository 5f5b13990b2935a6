using System.Buffers;
using System.Net.WebSockets;

namespace StragglerGuard.Fabric;

/// <summary>What came of waiting for a message.</summary>
internal enum MessageReceipt
{
    /// <summary>A whole message is in the buffer.</summary>
    Whole = 0,

    /// <summary>The peer closed.</summary>
    Closed = 1,

    /// <summary>The message is over the limit.</summary>
    TooLarge = 2,
}

/// <summary>Whole binary messages over a WebSocket, bounded in size.</summary>
internal static class WebSocketMessages
{
    /// <summary>Reads one message.</summary>
    /// <param name="socket">The connection.</param>
    /// <param name="buffer">Emptied first; then holds the message.</param>
    /// <param name="bytesMax">Where the reading stops: what is over it stays unread, and the connection is good for nothing but closing.</param>
    /// <param name="cancellation">Ends the wait, and with it the connection.</param>
    public static async ValueTask<MessageReceipt> ReceiveAsync(
        WebSocket socket, ArrayBufferWriter<byte> buffer, int bytesMax, CancellationToken cancellation)
    {
        buffer.ResetWrittenCount();
        while (true)
        {
            ValueWebSocketReceiveResult part = await socket.ReceiveAsync(buffer.GetMemory(4096), cancellation).ConfigureAwait(false);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return MessageReceipt.Closed;
            }

            buffer.Advance(part.Count);
            if (buffer.WrittenCount > bytesMax)
            {
                return MessageReceipt.TooLarge;
            }

            if (part.EndOfMessage)
            {
                return MessageReceipt.Whole;
            }
        }
    }
}
