using System.Text;

namespace StragglerGuard.Replay;

/// <summary>Which of the known columns a table has, and where.</summary>
internal sealed class TableHeader
{
    private const int FieldsMax = 256;

    private readonly int[] _columnAt;
    private readonly bool[] _has;

    private TableHeader(int[] columnAt, int known)
    {
        _columnAt = columnAt;
        _has = new bool[known];
        foreach (int column in columnAt)
        {
            if (column >= 0)
            {
                _has[column] = true;
            }
        }
    }

    public int Fields => _columnAt.Length;

    /// <summary>Which known column the i-th field is; −1 where it is none.</summary>
    public int ColumnAt(int field) => _columnAt[field];

    public bool Has(int column) => _has[column];

    /// <param name="header">The line.</param>
    /// <param name="names">The known columns, those that must be there first.</param>
    /// <param name="required">How many must be there.</param>
    /// <returns>The header, or what is wrong with it.</returns>
    public static (TableHeader? Header, string? Fault) Parse(ReadOnlySpan<byte> header, ReadOnlySpan<string> names, int required)
    {
        header = header.StartsWith("\uFEFF"u8) ? header[3..] : header;
        var columnAt = new List<int>();
        foreach (Range range in header.Split((byte)','))
        {
            if (columnAt.Count == FieldsMax)
            {
                return (null, $"header: more than {FieldsMax} columns");
            }

            int column = names.IndexOf(Encoding.UTF8.GetString(TextFields.Bare(header[range])));
            if (column >= 0 && columnAt.Contains(column))
            {
                return (null, $"header: the column {names[column]} is there twice");
            }

            columnAt.Add(column);
        }

        var missing = new List<string>();
        for (int column = 0; column < required; column++)
        {
            if (!columnAt.Contains(column))
            {
                missing.Add(names[column]);
            }
        }

        return missing.Count == 0
            ? (new TableHeader([.. columnAt], names.Length), null)
            : (null, $"header: lacks {string.Join(", ", missing)}");
    }
}
