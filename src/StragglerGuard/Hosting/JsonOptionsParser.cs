using System.Globalization;
using System.Text;
using System.Text.Json;

namespace StragglerGuard.Hosting;

/// <summary>One pass over the JSON that goes on after every fault it can go on after.</summary>
internal ref struct JsonOptionsParser
{
    private const int LongestQuotation = 60;

    private readonly string _source;
    private readonly ReadOnlySpan<byte> _json;
    private readonly List<OptionsError> _errors = [];
    private readonly StragglerGuardOptions _options = new();
    private Utf8JsonReader _reader;

    internal JsonOptionsParser(string source, ReadOnlySpan<byte> json)
    {
        _source = source;
        _json = json;
        _reader = new Utf8JsonReader(json, new JsonReaderOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
    }

    internal OptionsOutcome Parse()
    {
        try
        {
            _reader.Read();
            if (_reader.TokenType == JsonTokenType.StartObject)
            {
                ReadSection(OptionTable.Root, _options, "");
            }
            else
            {
                Report("", $"found {Quote()}, allowed is an object");
                _reader.Skip();
            }

            // Whatever follows the object is a fault of the JSON, found only by reading on.
            while (_reader.Read())
            {
            }
        }
        catch (JsonException e)
        {
            _errors.Add(new OptionsError(_source, (int)(e.LineNumber ?? 0) + 1, (int)(e.BytePositionInLine ?? 0) + 1, "", Describe(e)));
        }
        catch (InvalidOperationException e)
        {
            // The reader's word for a string whose escapes make no text, such as half of a surrogate pair.
            Report("", "malformed JSON: " + e.Message);
        }

        return _errors.Count == 0 ? new OptionsOutcome(_options, []) : new OptionsOutcome(null, _errors);
    }

    private void ReadSection(OptionTable table, object section, string prefix)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = _reader.GetString()!;
            var key = table.Find(name);
            if (!seen.Add(name))
            {
                Report(prefix + name, "is there twice in the same object, allowed is once");
                Pass();
            }
            else if (key is null)
            {
                Report(prefix + name, "is no key of the options" + KeySuggestion.For(name, prefix));
                Pass();
            }
            else
            {
                _reader.Read();
                ReadValue(key, section);
            }
        }
    }

    private void ReadValue(OptionKey key, object section)
    {
        if (key.Section is not null)
        {
            if (_reader.TokenType == JsonTokenType.StartObject)
            {
                ReadSection(key.Section, key.Property.GetValue(section)!, key.Path + ".");
                return;
            }

            Report(key.Path, $"found {Quote()}, allowed is {key.Allowed}");
            _reader.Skip();
            return;
        }

        if (_reader.TokenType == JsonTokenType.Null && key.IsNullable)
        {
            key.Property.SetValue(section, null);
            return;
        }

        var value = key.Option!.Parse(ref _reader, key.ValueType);
        if (value is not null && key.Option.Allows(value))
        {
            key.Property.SetValue(section, value);
        }
        else
        {
            Report(key.Path, $"found {(key.Option.IsSecret && _reader.TokenType == JsonTokenType.String ? "another text" : Quote())}, allowed is {key.Allowed}");
            _reader.Skip();
        }
    }

    /// <summary>Passes over the value of a key that was refused.</summary>
    private void Pass()
    {
        _reader.Read();
        _reader.Skip();
    }

    private readonly void Report(string path, string problem)
    {
        var before = _json[..(int)_reader.TokenStartIndex];
        var lineStart = before.LastIndexOf((byte)'\n') + 1;
        _errors.Add(new OptionsError(_source, before.Count((byte)'\n') + 1, before.Length - lineStart + 1, path, problem));
    }

    /// <summary>The token under the reader as it stands in the text; only the kind of an object or array.</summary>
    private readonly string Quote()
    {
        switch (_reader.TokenType)
        {
            case JsonTokenType.StartObject:
                return "an object";
            case JsonTokenType.StartArray:
                return "an array";
            default:
                var text = Encoding.UTF8.GetString(_json[(int)_reader.TokenStartIndex..(int)_reader.BytesConsumed]);
                return text.Length <= LongestQuotation ? text : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, LongestQuotation)}…");
        }
    }

    /// <summary>The library's message without the place that it repeats in its own counting, from zero.</summary>
    private static string Describe(JsonException e)
    {
        var place = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return "malformed JSON: " + (place < 0 ? e.Message : e.Message[..place]);
    }
}
