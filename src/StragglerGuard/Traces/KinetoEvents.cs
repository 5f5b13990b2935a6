using System.Text.Json;

namespace StragglerGuard.Traces;

/// <summary>Follows the tokens of one profiler trace and keeps what concerns collectives.</summary>
/// <remarks>
/// An event is an object in <c>traceEvents</c>, or in an array that is the whole document. Of interest are communication kernels, the host's annotations
/// <c>nccl:…</c>, and the launches that connect the two by correlation number.
/// </remarks>
internal sealed class KinetoEvents(string path, FaultLog log)
{
    /// <summary>How many events of each kind are kept.</summary>
    private const int EventsMax = 2_000_000;

    private readonly List<KinetoEvent> _kernels = [];
    private readonly List<KinetoEvent> _annotations = [];
    private readonly List<KinetoEvent> _launches = [];
    private string _section = "";
    private string _property = "";
    private string _argument = "";
    private int _arraysClosed;
    private int _eventDepth = -1;
    private KinetoEvent _event = new();
    private int? _rank;
    private int _worldSize;

    public void Take(ref Utf8JsonReader token)
    {
        int depth = token.CurrentDepth;
        if (_eventDepth >= 0)
        {
            TakeInEvent(ref token, depth - _eventDepth);
            return;
        }

        switch (token.TokenType)
        {
            case JsonTokenType.PropertyName when depth == 1:
                _section = Text(ref token);
                break;
            case JsonTokenType.PropertyName when depth == 2:
                _property = Text(ref token);
                break;
            case JsonTokenType.StartObject when depth == 1 && _section.Length == 0:
            case JsonTokenType.StartObject when depth == 2 && _section == "traceEvents":
                _eventDepth = depth;
                _event = new KinetoEvent();
                break;
            case JsonTokenType.Number when depth == 2 && _section == "distributedInfo":
                TakeJobNumber(ref token);
                break;
        }
    }

    public KinetoRank ToRank() =>
        new(path, _rank, _worldSize, KinetoKernels.Describe(_kernels, _annotations, _launches));

    private static string Text(ref Utf8JsonReader token)
    {
        const int bytesMax = 512;
        if (token.ValueSpan.Length > bytesMax)
        {
            return System.Text.Encoding.UTF8.GetString(token.ValueSpan[..bytesMax]);
        }

        try
        {
            return token.GetString() ?? "";
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair: valid JSON, but no text.
            return System.Text.Encoding.UTF8.GetString(token.ValueSpan);
        }
    }

    private static long? Number(ref Utf8JsonReader token) =>
        token.TokenType == JsonTokenType.Number && token.TryGetInt64(out long value) ? value : null;

    /// <summary>Microseconds to ns; null for what no clock shows.</summary>
    private static long? MicrosecondsAsNs(ref Utf8JsonReader token)
    {
        const decimal microsecondsMax = long.MaxValue / 4 / 1000;
        return token.TokenType == JsonTokenType.Number && token.TryGetDecimal(out decimal value) && Math.Abs(value) <= microsecondsMax
            ? (long)decimal.Round(value * 1000)
            : null;
    }

    private void TakeJobNumber(ref Utf8JsonReader token)
    {
        if (Number(ref token) is not (>= 0 and <= int.MaxValue and long value))
        {
            return;
        }

        if (_property == "rank")
        {
            _rank = (int)value;
        }
        else if (_property == "world_size")
        {
            _worldSize = (int)value;
        }
    }

    private void TakeInEvent(ref Utf8JsonReader token, int depth)
    {
        switch (token.TokenType)
        {
            case JsonTokenType.EndObject when depth == 0:
                _eventDepth = -1;
                Keep();
                break;
            case JsonTokenType.PropertyName when depth == 1:
                _property = Text(ref token);
                break;
            case JsonTokenType.PropertyName when depth == 2 && _property == "args":
                _argument = Text(ref token);
                _arraysClosed = 0;
                break;
            case JsonTokenType.String or JsonTokenType.Number when depth == 1:
                TakeMember(ref token);
                break;
            case JsonTokenType.String or JsonTokenType.Number when _property == "args" && depth >= 2:
                TakeArgument(ref token, depth);
                break;
            case JsonTokenType.EndArray when _property == "args":
                _arraysClosed++;
                break;
        }
    }

    private void TakeMember(ref Utf8JsonReader token)
    {
        switch (_property)
        {
            case "name":
                _event.Name = token.TokenType == JsonTokenType.String ? Text(ref token) : "";
                break;
            case "cat":
                _event.Category = token.TokenType == JsonTokenType.String ? Text(ref token) : "";
                break;
            case "ts":
                _event.StartNs = MicrosecondsAsNs(ref token);
                break;
            case "dur":
                _event.DurationNs = MicrosecondsAsNs(ref token);
                break;
            case "tid":
                _event.Thread = Number(ref token) ?? -1;
                break;
            default:
                break;
        }
    }

    private void TakeArgument(ref Utf8JsonReader token, int depth)
    {
        switch (_argument)
        {
            case "correlation" when depth == 2:
                _event.Correlation = Number(ref token);
                break;
            case "Collective name" when depth == 2 && token.TokenType == JsonTokenType.String:
                _event.CollectiveName = Text(ref token);
                break;
            case "Process Group Name" when depth == 2 && token.TokenType == JsonTokenType.String:
                _event.Group = Text(ref token);
                break;
            case "In msg nelems" when depth == 2:
                _event.Elements = Number(ref token);
                break;
            case "dtype" when depth == 2 && token.TokenType == JsonTokenType.String:
                _event.ElementType = Text(ref token);
                break;
            // The first tensor's dimensions, [[a, b], …], and its type, ["float", …].
            case "Input Dims" when depth == 4 && _arraysClosed == 0 && Number(ref token) is (>= 0 and <= int.MaxValue and long length):
                _event.Elements = (long)Math.Min((decimal)(_event.Elements ?? 1) * length, long.MaxValue / 16);
                break;
            case "Input type" when depth == 3 && _event.ElementType.Length == 0 && token.TokenType == JsonTokenType.String:
                _event.ElementType = Text(ref token);
                break;
            default:
                break;
        }
    }

    private void Keep()
    {
        List<KinetoEvent>? kind = KindOf(_event);
        if (kind is null)
        {
            return;
        }

        if (_event.StartNs is null || _event.DurationNs is null or < 0)
        {
            string field = _event.StartNs is null ? "ts" : "dur";
            log.Add(path, $"event '{_event.Name[..Math.Min(40, _event.Name.Length)]}': {field}: not a time in µs");
        }
        else if (kind.Count == EventsMax)
        {
            log.AddUnnamed(1);
        }
        else
        {
            kind.Add(_event);
        }
    }

    private List<KinetoEvent>? KindOf(KinetoEvent candidate) => candidate.Category switch
    {
        "kernel" when candidate.Name.StartsWith("nccl", StringComparison.OrdinalIgnoreCase) => _kernels,
        "user_annotation" when candidate.Name.StartsWith("nccl:", StringComparison.Ordinal) => _annotations,
        "cuda_runtime" or "cuda_driver" or "hip_runtime" when candidate.Correlation is not null
            && candidate.Name.Contains("Launch", StringComparison.Ordinal) => _launches,
        _ => null,
    };
}

/// <summary>The members of a profiler event that are of use.</summary>
internal sealed class KinetoEvent
{
    public string Name { get; set; } = "";

    public string Category { get; set; } = "";

    public string CollectiveName { get; set; } = "";

    public string Group { get; set; } = "";

    public string ElementType { get; set; } = "";

    public long? Elements { get; set; }

    public long? StartNs { get; set; }

    public long? DurationNs { get; set; }

    public long Thread { get; set; } = -1;

    public long? Correlation { get; set; }
}
