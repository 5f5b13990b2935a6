using System.Buffers;
using System.Net.WebSockets;

namespace StragglerGuard.Fabric;

/// <summary>Whole binary messages over a WebSocket, bounded in size.</summary>
internal static class WebSocketMessages
{
    /// <summary>Reads one message.</summary>
    /// <returns>Its length in <paramref name="buffer"/>; −1 when the peer closed, or sent more than <paramref name="bytesMax"/>.</returns>
    public static async ValueTask<int> ReceiveAsync(
        WebSocket socket, ArrayBufferWriter<byte> buffer, int bytesMax, CancellationToken cancellation)
    {
        buffer.ResetWrittenCount();
        while (true)
        {
            ValueWebSocketReceiveResult part = await socket.ReceiveAsync(buffer.GetMemory(4096), cancellation).ConfigureAwait(false);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return -1;
            }

            buffer.Advance(part.Count);
            if (buffer.WrittenCount > bytesMax)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.MessageTooBig, $"more than {bytesMax} bytes", cancellation)
                    .ConfigureAwait(false);
                return -1;
            }

            if (part.EndOfMessage)
            {
                return buffer.WrittenCount;
            }
        }
    }
}
