namespace StragglerGuard.Evaluation.Printing;

/// <summary>The figures as a table for a terminal, or as Markdown.</summary>
internal static class FigureTable
{
    private static readonly string[] Headings = ["subject", "figure", "measured", "target", ""];

    public static void Print(IReadOnlyList<Figure> figures, bool markdown, TextWriter writer)
    {
        List<string[]> lines = [Headings, .. figures.Select(Cells)];
        if (markdown)
        {
            lines.Insert(1, ["---", "---", "---", "---", "---"]);
            lines.ForEach(cells => writer.WriteLine($"| {string.Join(" | ", cells)} |"));
            return;
        }

        int[] widths = [.. Headings.Select((_, column) => lines.Max(cells => cells[column].Length))];
        foreach (string[] cells in lines)
        {
            writer.WriteLine(string.Join("  ", cells.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }

    private static string[] Cells(Figure figure) =>
    [
        figure.Subject,
        figure.What,
        figure.Measured,
        figure.Target,
        figure.IsMet switch { true => "ok", false => "MISSED", null => "" },
    ];
}
