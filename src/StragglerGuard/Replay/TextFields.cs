using System.Buffers.Text;
using System.Text;
using StragglerGuard.Traces;

namespace StragglerGuard.Replay;

/// <summary>Reads the fields of a recording, and says what is wrong with one.</summary>
internal static class TextFields
{
    /// <summary>The longest time that a step or a part of it may take, s: eleven days.</summary>
    public const int SecondsMax = 1_000_000;

    private const double CountMax = 1e15;
    private const int ShownMax = 40;

    /// <summary>A field without blanks and quotes around it.</summary>
    public static ReadOnlySpan<byte> Bare(ReadOnlySpan<byte> field)
    {
        field = field.Trim(" \t"u8);
        return field is [(byte)'"', .., (byte)'"'] ? field[1..^1] : field;
    }

    /// <summary>A time in seconds.</summary>
    /// <returns>Null, or what is wrong.</returns>
    public static string? ParseSeconds(ReadOnlySpan<byte> text, out long ns) =>
        DecimalText.TryParseSeconds(text, out ns) && ns is >= 0 and <= SecondsMax * 1_000_000_000L
            ? null
            : $"{Shown(text)} is not a time of 0 … {SecondsMax} s";

    /// <summary>A whole number of 0 or more.</summary>
    /// <returns>Null, or what is wrong.</returns>
    public static string? ParseWhole(ReadOnlySpan<byte> text, long most, out long value) =>
        DecimalText.TryParseWhole(text, out value) && value >= 0 && value <= most
            ? null
            : FormattableString.Invariant($"{Shown(text)} is not a whole number of 0 … {most}");

    /// <summary>An amount of samples or tokens.</summary>
    /// <returns>Null, or what is wrong.</returns>
    public static string? ParseAmount(ReadOnlySpan<byte> text, out double value) =>
        Utf8Parser.TryParse(text, out value, out int consumed) && consumed == text.Length && value is >= 0 and <= CountMax
            ? null
            : $"{Shown(text)} is not a number of 0 or more";

    /// <summary>A piece of a line that can't steer a terminal.</summary>
    public static string Shown(ReadOnlySpan<byte> text)
    {
        var shown = new StringBuilder("'");
        foreach (byte character in text[..Math.Min(text.Length, ShownMax)])
        {
            shown.Append(character is >= 0x20 and < 0x7F ? (char)character : '?');
        }

        return shown.Append(text.Length > ShownMax ? "…'" : "'").ToString();
    }
}
