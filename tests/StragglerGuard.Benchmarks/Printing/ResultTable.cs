namespace StragglerGuard.Benchmarks.Printing;

/// <summary>The rows as a table for a terminal, or as Markdown.</summary>
internal static class ResultTable
{
    private static readonly string[] Headings = ["what", "measured", "peer", "time ÷ peer", "target", ""];

    /// <summary>Prints the rows.</summary>
    public static void Print(IReadOnlyList<Row> rows, bool markdown, TextWriter writer)
    {
        List<string[]> lines = [Headings, .. rows.Select(Cells)];
        if (markdown)
        {
            lines.Insert(1, ["---", "---:", "---", "---:", "---", "---"]);
            lines.ForEach(cells => writer.WriteLine($"| {string.Join(" | ", cells)} |"));
            return;
        }

        int[] widths = [.. Headings.Select((_, column) => lines.Max(cells => cells[column].Length))];
        foreach (string[] cells in lines)
        {
            writer.WriteLine(string.Join("  ", cells.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }

    private static string[] Cells(Row row) =>
    [
        row.What,
        row.Measured,
        row.Peer,
        row.Ratio is { } ratio ? Quantity.Ratio(ratio) : "–",
        row.Target?.Text ?? "",
        row.Target is not { } target ? "" : target.IsMet ? "ok" : "MISSED",
    ];
}
