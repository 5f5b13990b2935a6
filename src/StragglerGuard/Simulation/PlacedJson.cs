using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace StragglerGuard.Simulation;

/// <summary>A value of a JSON text that knows where it stands.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Begin">Its first byte.</param>
/// <param name="End">One past its last byte.</param>
/// <param name="Members">Of an object, in order, with repetitions; else empty.</param>
/// <param name="Items">Of an array; else empty.</param>
/// <param name="Text">Of a text; else null.</param>
internal sealed record PlacedValue(
    JsonValueKind Kind, int Begin, int End, IReadOnlyList<PlacedMember> Members, IReadOnlyList<PlacedValue> Items, string? Text);

/// <summary>A member of an object.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Begin">The first byte of the key.</param>
/// <param name="Value">Its value.</param>
internal sealed record PlacedMember(string Name, int Begin, PlacedValue Value);

/// <summary>A JSON text (comments and trailing commas allowed) as a tree whose values can be pointed at.</summary>
internal sealed class PlacedJson(byte[] utf8)
{
    private const int LongestQuotation = 60;

    /// <summary>Reads the whole text.</summary>
    /// <returns>False where it is no JSON; <paramref name="problem"/> then says what is wrong at <paramref name="offset"/>.</returns>
    public bool TryParse([NotNullWhen(true)] out PlacedValue? root, out int offset, out string problem)
    {
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
        try
        {
            reader.Read();
            root = Value(ref reader);

            // Whatever follows is a fault of the JSON, found only by reading on.
            while (reader.Read())
            {
            }

            offset = 0;
            problem = "";
            return true;
        }
        catch (JsonException malformed)
        {
            offset = OffsetOf((malformed.LineNumber ?? 0, malformed.BytePositionInLine ?? 0));
            int place = malformed.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
            problem = "malformed JSON: " + (place < 0 ? malformed.Message : malformed.Message[..place]);
        }
        catch (InvalidOperationException escapes)
        {
            // The reader's word for a string whose escapes make no text, such as half of a surrogate pair.
            offset = (int)reader.TokenStartIndex;
            problem = "malformed JSON: " + escapes.Message;
        }

        root = null;
        return false;
    }

    /// <summary>Line and byte within it, both 1-based.</summary>
    public (int Line, int Position) PlaceOf(int offset)
    {
        ReadOnlySpan<byte> before = utf8.AsSpan(0, offset);
        return (before.Count((byte)'\n') + 1, offset - before.LastIndexOf((byte)'\n'));
    }

    /// <summary>The value as it stands in the text; only the kind of an object or array.</summary>
    public string Quote(PlacedValue value) => value.Kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ when value.End - value.Begin > LongestQuotation => Raw(value.Begin, value.Begin + LongestQuotation) + "…",
        _ => Raw(value.Begin, value.End),
    };

    /// <summary>The number; null where the value is none.</summary>
    public double? NumberOf(PlacedValue value) =>
        value.Kind == JsonValueKind.Number && System.Buffers.Text.Utf8Parser.TryParse(utf8.AsSpan(value.Begin, value.End - value.Begin), out double number, out _)
            ? number
            : null;

    /// <summary>A value alone in a text of its own, in which it stands at the same line and position.</summary>
    public string AloneInPlace(PlacedValue value)
    {
        byte[] alone = utf8[..value.End];
        foreach (ref byte before in alone.AsSpan(0, value.Begin))
        {
            before = before == '\n' ? before : (byte)' ';
        }

        return Encoding.UTF8.GetString(alone);
    }

    private static PlacedValue Value(ref Utf8JsonReader reader)
    {
        int begin = (int)reader.TokenStartIndex;
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                List<PlacedMember> members = [];
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    string name = reader.GetString()!;
                    int nameBegin = (int)reader.TokenStartIndex;
                    reader.Read();
                    members.Add(new PlacedMember(name, nameBegin, Value(ref reader)));
                }

                return new PlacedValue(JsonValueKind.Object, begin, (int)reader.BytesConsumed, members, [], null);
            case JsonTokenType.StartArray:
                List<PlacedValue> items = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    items.Add(Value(ref reader));
                }

                return new PlacedValue(JsonValueKind.Array, begin, (int)reader.BytesConsumed, [], items, null);
            case JsonTokenType.String:
                return Scalar(in reader, JsonValueKind.String, reader.GetString());
            case JsonTokenType.Number:
                return Scalar(in reader, JsonValueKind.Number, null);
            case JsonTokenType.Null:
                return Scalar(in reader, JsonValueKind.Null, null);
            default:
                return Scalar(in reader, reader.TokenType == JsonTokenType.True ? JsonValueKind.True : JsonValueKind.False, null);
        }
    }

    private static PlacedValue Scalar(in Utf8JsonReader reader, JsonValueKind kind, string? text) =>
        new(kind, (int)reader.TokenStartIndex, (int)reader.BytesConsumed, [], [], text);

    private string Raw(int begin, int end) => Encoding.UTF8.GetString(utf8, begin, end - begin);

    private int OffsetOf((long Line, long Position) place)
    {
        int offset = 0;
        for (long line = 0; line < place.Line; line++)
        {
            offset += utf8.AsSpan(offset).IndexOf((byte)'\n') + 1;
        }

        return (int)Math.Min(utf8.Length, offset + place.Position);
    }
}
