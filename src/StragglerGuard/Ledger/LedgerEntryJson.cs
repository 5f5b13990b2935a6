using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace StragglerGuard.Ledger;

/// <summary>An entry for other programs: one JSON object on one line.</summary>
public static class LedgerEntryJson
{
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// The entry, with the keys <c>sequence</c>, <c>at</c> (UTC, ISO 8601), <c>job</c>, <c>generation</c>, <c>step</c>, <c>kind</c>,
    /// <c>version</c>, <c>reason</c> and <c>decision</c>: all that was written, a string where it is no JSON.
    /// </summary>
    /// <param name="entry">The entry.</param>
    public static string Line(LedgerEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        DecisionText text = DecisionFormat.Write(entry.Decision);
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes, Readable))
        {
            writer.WriteStartObject();
            writer.WriteNumber("sequence", entry.Sequence);
            writer.WriteString("at", entry.At.UtcDateTime);
            writer.WriteString("job", entry.Decision.Job.Value);
            writer.WriteNumber("generation", entry.Decision.Generation.Value);
            writer.WriteNumber("step", entry.Decision.Step);
            writer.WriteString("kind", text.Kind);
            writer.WriteNumber("version", text.Version);
            writer.WriteString("reason", entry.Decision.Reason);
            writer.WritePropertyName("decision");
            WritePayload(writer, text.Payload);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <summary>The name of a decision's kind, as it is written: <c>planDecided</c>.</summary>
    /// <param name="decision">The decision.</param>
    /// <exception cref="ArgumentException">It is of a type that has no format.</exception>
    public static string KindOf(LedgerDecision decision)
    {
        ArgumentNullException.ThrowIfNull(decision);
        return DecisionFormat.NameOf(decision);
    }

    private static void WritePayload(Utf8JsonWriter writer, string payload)
    {
        var bytes = new ArrayBufferWriter<byte>();
        try
        {
            // Through a document, so that line breaks between its tokens don't break the line; apart, since a bad one fails half written.
            using JsonDocument document = JsonDocument.Parse(payload);
            using var apart = new Utf8JsonWriter(bytes, Readable);
            document.RootElement.WriteTo(apart);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            writer.WriteStringValue(payload);
            return;
        }

        writer.WriteRawValue(bytes.WrittenSpan, skipInputValidation: true);
    }
}
