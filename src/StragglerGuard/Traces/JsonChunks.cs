using System.Text.Json;

namespace StragglerGuard.Traces;

/// <summary>Reads JSON token by token from a stream, in memory bounded by the longest token that is believed.</summary>
internal static class JsonChunks
{
    private const int ChunkBytes = 1 << 16;
    private const int TokenBytesMax = 1 << 24;

    /// <summary>Sees one token; it lives for the call.</summary>
    public delegate void TakeToken(ref Utf8JsonReader token);

    /// <summary>Reads to the end, or to what can't be read.</summary>
    /// <param name="stream">UTF-8, with or without a mark.</param>
    /// <param name="take">Called for every token.</param>
    /// <param name="report">Called with the line, 1-based, and what is wrong, where reading had to stop early.</param>
    public static void Read(Stream stream, TakeToken take, Action<long, string> report)
    {
        byte[] buffer = new byte[ChunkBytes];
        var state = new JsonReaderState(new JsonReaderOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
        int kept = 0;
        bool isFirst = true;
        while (true)
        {
            int read;
            try
            {
                read = stream.ReadAtLeast(buffer.AsSpan(kept), 1, throwOnEndOfStream: false);
            }
            catch (Exception exception) when (TraceFile.IsUnreadable(exception))
            {
                report(1, $"file: {exception.Message}");
                return;
            }

            ReadOnlySpan<byte> text = buffer.AsSpan(0, kept + read);
            if (isFirst && text.Length < 3 && read > 0)
            {
                kept += read;
                continue;
            }

            int mark = isFirst && text.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? 3 : 0;
            isFirst = false;
            var reader = new Utf8JsonReader(text[mark..], isFinalBlock: read == 0, state);
            try
            {
                while (reader.Read())
                {
                    take(ref reader);
                }
            }
            catch (JsonException exception)
            {
                report((exception.LineNumber ?? 0) + 1, $"json: {exception.Message}");
                return;
            }

            if (read == 0)
            {
                return;
            }

            state = reader.CurrentState;
            int consumed = mark + (int)reader.BytesConsumed;
            kept = text.Length - consumed;
            text[consumed..].CopyTo(buffer);
            if (kept == buffer.Length)
            {
                if (buffer.Length == TokenBytesMax)
                {
                    report(1, $"json: a value longer than {TokenBytesMax} bytes");
                    return;
                }

                Array.Resize(ref buffer, buffer.Length * 2);
            }
        }
    }
}
