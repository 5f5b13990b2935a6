using System.Text.Json;
using System.Text.Unicode;
using MixedFleet.Data;

namespace MixedFleet.Fleet;

/// <summary>Reads a fleet from JSON; comments and trailing commas are welcome.</summary>
/// <remarks>
/// <code>
/// {
///   "name": "two generations",                        // optional; the file's name without extension where absent
///   "ranks": [                                        // 1 to 64 ranks in all
///     { "class": "H100", "pace": 24.0, "count": 2 },  // two ranks; "count" is 1 where absent
///     { "class": "CPU", "pace": null }                // computes as fast as it can
///   ]
/// }
/// </code>
/// <c>class</c>: 1 to 64 characters, none of them a control character. <c>pace</c>: milliseconds per micro-batch, above 0 and at most
/// 3,600,000; null is true compute; leaving it out is an error, so that nobody emulates, or doesn't, by accident. Unknown and repeated
/// keys are errors. All errors are reported at once, each with file, record and field; records are counted from 0 as they
/// stand in the file.
/// </remarks>
internal static class FleetFile
{
    private const string DefaultResource = "mixed-generations.json";
    private const int BytesMax = 1024 * 1024;
    private const int NameMax = 64;
    private const double PaceMillisecondsMax = FleetDefinition.PaceSecondsMax * 1000;

    /// <summary>The default fleet, config/fleets/mixed-generations.json, from inside the program.</summary>
    public static FleetDefinition ReadDefault()
    {
        using Stream resource = typeof(FleetFile).Assembly.GetManifestResourceStream(DefaultResource)
            ?? throw new InvalidOperationException($"The program was built without its resource {DefaultResource}.");
        byte[] bytes = new byte[resource.Length];
        resource.ReadExactly(bytes);
        Checked<FleetDefinition> fleet = Parse(bytes, DefaultResource);
        return fleet.Value ?? throw new InvalidOperationException(string.Join(Environment.NewLine, fleet.Errors));
    }

    /// <summary>Reads a file.</summary>
    /// <param name="path">As the user gave it; every error names it.</param>
    public static Checked<FleetDefinition> Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!BoundedFile.TryRead(path, BytesMax + 1, out byte[]? bytes, out string? error))
        {
            return Checked<FleetDefinition>.Bad(error);
        }

        return bytes.Length > BytesMax
            ? Checked<FleetDefinition>.Bad($"{path}: is over {BytesMax} bytes, which no fleet needs")
            : Parse(bytes, path);
    }

    /// <summary>Reads the bytes of a file.</summary>
    /// <param name="utf8">UTF-8, with or without a byte order mark.</param>
    /// <param name="source">What errors call it.</param>
    public static Checked<FleetDefinition> Parse(ReadOnlyMemory<byte> utf8, string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (utf8.Span.StartsWith("\uFEFF"u8))
        {
            utf8 = utf8["\uFEFF"u8.Length..];
        }

        if (!Utf8.IsValid(utf8.Span))
        {
            return Checked<FleetDefinition>.Bad($"{source}: is not UTF-8 text");
        }

        try
        {
            JsonDocumentOptions options = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
            using JsonDocument document = JsonDocument.Parse(utf8, options);
            return new Reading(source).Fleet(document.RootElement);
        }
        catch (JsonException exception)
        {
            // The reader counts from 0, editors from 1.
            string where = $"line {exception.LineNumber + 1}, position {exception.BytePositionInLine + 1}";
            return Checked<FleetDefinition>.Bad($"{source}: {where}: {WithoutPosition(exception.Message)}");
        }
        catch (InvalidOperationException)
        {
            // JSON may escape half of a surrogate pair; .NET strings may not be made of it.
            return Checked<FleetDefinition>.Bad($"{source}: a text holds an escaped character that is not Unicode");
        }
    }

    private static string WithoutPosition(string message)
    {
        int position = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return position < 0 ? message : message[..position];
    }

    // One walk through one document, which gathers everything that is wrong.
    private sealed class Reading(string source)
    {
        private readonly List<string> _errors = [];

        public Checked<FleetDefinition> Fleet(JsonElement root)
        {
            if (root.ValueKind != JsonValueKind.Object)
            {
                return Checked<FleetDefinition>.Bad($"{source}: must be an object with \"ranks\", not {Kind(root)}");
            }

            Dictionary<string, JsonElement> fields = Fields(root, string.Empty, "name", "ranks");
            string name = Path.GetFileNameWithoutExtension(source);
            if (fields.TryGetValue("name", out JsonElement nameElement))
            {
                name = Text(nameElement, "name") ?? name;
            }

            List<FleetRank> ranks = [];
            if (!fields.TryGetValue("ranks", out JsonElement ranksElement))
            {
                Fault("ranks", "is missing");
            }
            else if (ranksElement.ValueKind != JsonValueKind.Array)
            {
                Fault("ranks", $"must be an array, not {Kind(ranksElement)}");
            }
            else
            {
                Ranks(ranksElement, ranks);
            }

            return _errors.Count > 0
                ? Checked<FleetDefinition>.Bad(_errors)
                : Checked<FleetDefinition>.Good(new FleetDefinition(name, ranks));
        }

        private void Ranks(JsonElement array, List<FleetRank> ranks)
        {
            int total = 0;
            int index = 0;
            foreach (JsonElement record in array.EnumerateArray())
            {
                string where = $"ranks[{index++}]";
                if (record.ValueKind != JsonValueKind.Object)
                {
                    Fault(where, $"must be an object, not {Kind(record)}");
                    total++;
                    continue;
                }

                Dictionary<string, JsonElement> fields = Fields(record, where, "class", "pace", "count");
                string? deviceClass = null;
                double? pace = null;
                int count = 1;
                if (Required(fields, where, "class", "is missing", out JsonElement element))
                {
                    deviceClass = Text(element, $"{where}.class");
                }

                if (Required(fields, where, "pace", "is missing: give milliseconds per micro-batch, or null for true compute", out element))
                {
                    pace = PaceSeconds(element, $"{where}.pace");
                }

                if (fields.TryGetValue("count", out element))
                {
                    count = Count(element, $"{where}.count");
                }

                total += count;
                if (deviceClass is not null && total <= FleetDefinition.RanksMax)
                {
                    ranks.AddRange(Enumerable.Repeat(new FleetRank(deviceClass, pace), count));
                }
            }

            if (index == 0)
            {
                Fault("ranks", "is empty: a fleet has one rank at least");
            }
            else if (total > FleetDefinition.RanksMax)
            {
                Fault("ranks", $"makes {total} ranks, {FleetDefinition.RanksMax} are the most");
            }
        }

        private bool Required(Dictionary<string, JsonElement> fields, string where, string key, string fault, out JsonElement element)
        {
            if (fields.TryGetValue(key, out element))
            {
                return true;
            }

            Fault($"{where}.{key}", fault);
            return false;
        }

        private double? PaceSeconds(JsonElement element, string where)
        {
            if (element.ValueKind == JsonValueKind.Null)
            {
                return null;
            }

            if (element.ValueKind != JsonValueKind.Number)
            {
                Fault(where, $"must be a number of milliseconds or null, not {Kind(element)}");
                return null;
            }

            // A number beyond fp64 reads as infinite.
            if (!element.TryGetDouble(out double milliseconds) || !(milliseconds > 0 && milliseconds <= PaceMillisecondsMax))
            {
                Fault(where, $"must be above 0 and at most {PaceMillisecondsMax:F0} milliseconds, not {element.GetRawText()}");
                return null;
            }

            return milliseconds / 1000;
        }

        private int Count(JsonElement element, string where)
        {
            bool isNumber = element.ValueKind == JsonValueKind.Number;
            if (isNumber && element.TryGetInt32(out int count) && count is >= 1 and <= FleetDefinition.RanksMax)
            {
                return count;
            }

            string found = isNumber ? element.GetRawText() : Kind(element);
            Fault(where, $"must be a whole number from 1 to {FleetDefinition.RanksMax}, not {found}");
            return 1;
        }

        private string? Text(JsonElement element, string where)
        {
            if (element.ValueKind != JsonValueKind.String)
            {
                Fault(where, $"must be a text, not {Kind(element)}");
                return null;
            }

            string text = element.GetString()!;
            if (string.IsNullOrWhiteSpace(text) || text.Length > NameMax || text.Any(char.IsControl))
            {
                Fault(where, $"must be a text of 1 to {NameMax} characters, without control characters");
                return null;
            }

            return text;
        }

        private Dictionary<string, JsonElement> Fields(JsonElement record, string where, params string[] known)
        {
            Dictionary<string, JsonElement> fields = [];
            foreach (JsonProperty property in record.EnumerateObject())
            {
                // A message goes to a terminal: a key may not steer it.
                string key = string.Concat(property.Name.Select(letter => char.IsControl(letter) ? '\uFFFD' : letter));
                string path = where.Length == 0 ? key : $"{where}.{key}";
                if (!known.Contains(property.Name))
                {
                    Fault(path, $"is not known here; known are {string.Join(", ", known)}");
                }
                else if (!fields.TryAdd(property.Name, property.Value))
                {
                    Fault(path, "stands there twice");
                }
            }

            return fields;
        }

        private void Fault(string where, string what) => _errors.Add($"{source}: {where} {what}");

        private static string Kind(JsonElement element) => element.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "an array",
            JsonValueKind.String => "a text",
            JsonValueKind.Number => "a number",
            JsonValueKind.Null => "null",
            _ => "true or false",
        };
    }
}
