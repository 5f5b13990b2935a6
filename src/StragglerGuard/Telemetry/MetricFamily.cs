using System.Buffers;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace StragglerGuard.Telemetry;

/// <summary>One metric of the page: its head and the lines collected for this page, in a buffer that is used again for the next.</summary>
internal sealed class MetricFamily
{
    internal const string Counter = "counter";
    internal const string Gauge = "gauge";

    private readonly byte[] _name;
    private readonly byte[] _head;
    private readonly ArrayBufferWriter<byte> _lines = new();

    internal MetricFamily(string name, string type, string help)
    {
        _name = Encoding.UTF8.GetBytes(NameOf(name, allowColon: true));
        var head = new ArrayBufferWriter<byte>();
        head.Write("# HELP "u8);
        head.Write(_name);
        head.Write(" "u8);
        WriteEscaped(head, help, escapeQuotes: false);
        head.Write("\n# TYPE "u8);
        head.Write(_name);
        head.Write(" "u8);
        head.Write(Encoding.UTF8.GetBytes(type));
        head.Write("\n"u8);
        _head = head.WrittenSpan.ToArray();
    }

    internal static MetricFamily Of(Instrument instrument)
    {
        var definition = instrument.GetType().GetGenericTypeDefinition();
        return new MetricFamily(instrument.Name, definition == typeof(ObservableCounter<>) ? Counter : Gauge, instrument.Description ?? "");
    }

    internal void Clear() => _lines.ResetWrittenCount();

    internal void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        _lines.Write(_name);
        for (var i = 0; i < tags.Length; i++)
        {
            _lines.Write(i == 0 ? "{"u8 : ","u8);
            WriteUtf8(_lines, NameOf(tags[i].Key, allowColon: false));
            _lines.Write("=\""u8);
            WriteEscaped(_lines, Convert.ToString(tags[i].Value, CultureInfo.InvariantCulture) ?? "", escapeQuotes: true);
            _lines.Write("\""u8);
        }

        _lines.Write(tags.Length == 0 ? " "u8 : "} "u8);
        WriteNumber(_lines, value);
        _lines.Write("\n"u8);
    }

    /// <summary>Nothing where no series reported: a head alone says nothing.</summary>
    internal void WriteTo(IBufferWriter<byte> output)
    {
        if (_lines.WrittenCount > 0)
        {
            output.Write(_head);
            output.Write(_lines.WrittenSpan);
        }
    }

    /// <summary>The name with everything that the format refuses replaced by an underscore.</summary>
    internal static string NameOf(string name, bool allowColon)
    {
        static bool IsLetter(char c, bool allowColon) => char.IsAsciiLetter(c) || c == '_' || (allowColon && c == ':');
        if (name.Length > 0 && IsLetter(name[0], allowColon) && name.All(c => IsLetter(c, allowColon) || char.IsAsciiDigit(c)))
        {
            return name;
        }

        var legal = string.Concat(name.Select(c => IsLetter(c, allowColon) || char.IsAsciiDigit(c) ? c : '_'));
        return legal.Length > 0 && !char.IsAsciiDigit(legal[0]) ? legal : "_" + legal;
    }

    private static void WriteNumber(ArrayBufferWriter<byte> output, double value)
    {
        if (double.IsNaN(value))
        {
            output.Write("NaN"u8);
        }
        else if (double.IsInfinity(value))
        {
            output.Write(value > 0 ? "+Inf"u8 : "-Inf"u8);
        }
        else
        {
            // The shortest text that reads back as the same number.
            value.TryFormat(output.GetSpan(64), out var length, default, CultureInfo.InvariantCulture);
            output.Advance(length);
        }
    }

    private static void WriteEscaped(ArrayBufferWriter<byte> output, string text, bool escapeQuotes)
    {
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            var special = escapeQuotes ? rest.IndexOfAny('\\', '\n', '"') : rest.IndexOfAny('\\', '\n');
            WriteUtf8(output, special < 0 ? rest : rest[..special]);
            if (special < 0)
            {
                return;
            }

            output.Write(rest[special] switch { '\\' => "\\\\"u8, '\n' => "\\n"u8, _ => "\\\""u8 });
            rest = rest[(special + 1)..];
        }
    }

    private static void WriteUtf8(ArrayBufferWriter<byte> output, ReadOnlySpan<char> text)
    {
        var span = output.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length));
        output.Advance(Encoding.UTF8.GetBytes(text, span));
    }
}
