using System.Text;
using StragglerGuard.Core.WhatIf;

namespace StragglerGuard.Traces;

/// <summary>Where a header puts each column, and how a line is read by it.</summary>
internal sealed class OperationsCsvColumns
{
    private const int FieldsMax = 256;

    private static readonly string[] Names =
    [
        "dp_rank", "stage", "step", "optype", "start_ts", "duration", "rank", "seq_id", "mc", "mb_id", "gmc",
    ];

    private const int Required = 6;

    private readonly int[] _columnAt;

    private OperationsCsvColumns(int[] columnAt) => _columnAt = columnAt;

    private enum Column
    {
        Replica,
        Stage,
        Step,
        Type,
        Start,
        Duration,
        Rank,
        Sequence,
        Chunk,
        MicroBatch,
        GlobalChunk,
    }

    public static (OperationsCsvColumns? Columns, string? Fault) Parse(ReadOnlySpan<byte> header)
    {
        if (header.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
        {
            header = header[3..];
        }

        var columnAt = new List<int>();
        foreach (Range range in header.Split((byte)','))
        {
            if (columnAt.Count == FieldsMax)
            {
                return (null, $"header: more than {FieldsMax} columns");
            }

            int column = Array.IndexOf(Names, Encoding.UTF8.GetString(Bare(header[range])));
            if (column >= 0 && columnAt.Contains(column))
            {
                return (null, $"header: the column {Names[column]} is there twice");
            }

            columnAt.Add(column);
        }

        string[] missing = [.. Names.Take(Required).Where((_, column) => !columnAt.Contains(column))];
        return missing.Length == 0
            ? (new OperationsCsvColumns([.. columnAt]), null)
            : (null, $"header: lacks {string.Join(", ", missing)}");
    }

    /// <summary>Reads one line.</summary>
    /// <returns>Null, or which field is wrong and how.</returns>
    public string? TryParse(ReadOnlySpan<byte> line, out TraceOperation operation)
    {
        operation = default;
        Span<long> values = stackalloc long[Names.Length];
        values.Fill(-1);
        values[(int)Column.Chunk] = 0;
        int field = 0;
        foreach (Range range in line.Split((byte)','))
        {
            if (field == _columnAt.Length)
            {
                return $"line: more than {_columnAt.Length} fields";
            }

            int column = _columnAt[field++];
            if (column >= 0 && !TryParse((Column)column, Bare(line[range]), ref values[column]))
            {
                return $"{Names[column]}: {FaultOf((Column)column, Bare(line[range]))}";
            }
        }

        if (field < _columnAt.Length)
        {
            return $"line: {field} fields for {_columnAt.Length} columns";
        }

        operation = new TraceOperation(
            (int)values[(int)Column.Replica],
            (int)values[(int)Column.Stage],
            (int)values[(int)Column.Rank],
            values[(int)Column.Step],
            (OperationType)values[(int)Column.Type],
            values[(int)Column.Start],
            values[(int)Column.Duration],
            (int)values[(int)Column.Sequence],
            (int)values[(int)Column.Chunk],
            (int)values[(int)Column.MicroBatch],
            (int)values[(int)Column.GlobalChunk]);
        return null;
    }

    private static bool TryParse(Column column, ReadOnlySpan<byte> text, ref long value)
    {
        switch (column)
        {
            case Column.Type:
                bool known = OperationTypes.TryParse(text, out OperationType type);
                value = (long)type;
                return known;
            case Column.Start:
                return DecimalText.TryParseSeconds(text, out value) && Math.Abs(value) <= OperationTrace.StartNsMax;
            case Column.Duration:
                return DecimalText.TryParseSeconds(text, out value) && value is >= 0 and <= OperationTrace.DurationNsMax;
            case Column.Step:
                return DecimalText.TryParseWhole(text, out value) && value >= 0;
            case Column.Replica or Column.Stage:
                return DecimalText.TryParseWhole(text, out value) && value is >= 0 and <= int.MaxValue;
            default:
                // Optional: an empty field is one that nobody knows.
                return text.IsEmpty || (DecimalText.TryParseWhole(text, out value) && value is >= -1 and <= int.MaxValue);
        }
    }

    private static string FaultOf(Column column, ReadOnlySpan<byte> text)
    {
        string shown = Shown(text);
        return column switch
        {
            Column.Type => $"{shown} is not a known operation",
            Column.Start => $"{shown} is not a time in seconds",
            Column.Duration => $"{shown} is not a duration of 0 … 86400 s",
            Column.Step or Column.Replica or Column.Stage => $"{shown} is not a whole number of 0 or more",
            _ => $"{shown} is not a whole number of −1 or more",
        };
    }

    private static string Shown(ReadOnlySpan<byte> text)
    {
        const int shownMax = 40;
        var shown = new StringBuilder("'");
        foreach (byte character in text[..Math.Min(text.Length, shownMax)])
        {
            shown.Append(character is >= 0x20 and < 0x7F ? (char)character : '?');
        }

        return shown.Append(text.Length > shownMax ? "…'" : "'").ToString();
    }

    private static ReadOnlySpan<byte> Bare(ReadOnlySpan<byte> field)
    {
        field = field.Trim(" \t"u8);
        return field is [(byte)'"', .., (byte)'"'] ? field[1..^1] : field;
    }
}
