using System.Globalization;
using System.Net;
using System.Text;

namespace StragglerGuard.Daemon.Analysis;

/// <summary>Writes a self-contained page: no script, no resource from elsewhere, every text escaped.</summary>
internal sealed class PageWriter
{
    private const string Style =
        "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#222;background:#fff}"
        + "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}"
        + "table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.15rem .5rem;text-align:right}th{font-weight:600}"
        + ".heat{overflow-x:auto}.heat td{border:1px solid #fff;min-width:.4rem;padding:.15rem .3rem}.steps td{padding:0;height:1.1rem;min-width:.5rem}"
        + ".dark{color:#fff}td.text,th.text{text-align:left}";

    private readonly StringBuilder _text = new();

    public PageWriter(string title)
    {
        _text.Append("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">")
            .Append("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>")
            .Append(Escaped(title)).Append("</title><style>").Append(Style).Append("</style></head><body>\n");
        Element("h1", title);
    }

    public void Heading(string text) => Element("h2", text);

    public void Paragraph(string text) => Element("p", text);

    /// <summary>A table of text; the first row is its header.</summary>
    public void Table(IEnumerable<IReadOnlyList<string>> rows)
    {
        _text.Append("<table>\n");
        string cell = "th";
        foreach (IReadOnlyList<string> row in rows)
        {
            _text.Append("<tr>");
            for (int column = 0; column < row.Count; column++)
            {
                _text.Append('<').Append(cell).Append(column == 0 ? " class=\"text\">" : ">").Append(Escaped(row[column])).Append("</").Append(cell).Append('>');
            }

            _text.Append("</tr>\n");
            cell = "td";
        }

        _text.Append("</table>\n");
    }

    /// <summary>Begins a heat map.</summary>
    /// <param name="corner">Names the rows.</param>
    /// <param name="columns">Names of the columns.</param>
    /// <param name="narrow">Cells without text.</param>
    public void BeginHeat(string corner, IEnumerable<string> columns, bool narrow)
    {
        _text.Append("<div class=\"heat").Append(narrow ? " steps" : "").Append("\"><table>\n<tr>");
        Element("th", corner);
        foreach (string column in columns)
        {
            Element("th", column);
        }

        _text.Append("</tr>\n");
    }

    public void BeginHeatRow(string name)
    {
        _text.Append("<tr>");
        Element("th", name);
    }

    /// <param name="heat">0 … 1.</param>
    /// <param name="text">In the cell.</param>
    /// <param name="tip">Shown when it is pointed at.</param>
    public void HeatCell(double heat, string text, string tip) => _text
        .Append("<td style=\"background:").Append(HeatScale.Colour(heat)).Append('"').Append(HeatScale.IsDark(heat) ? " class=\"dark\"" : "")
        .Append(" title=\"").Append(Escaped(tip)).Append("\">").Append(Escaped(text)).Append("</td>");

    public void EndHeatRow() => _text.Append("</tr>\n");

    public void EndHeat() => _text.Append("</table></div>\n");

    public string End() => _text.Append("</body></html>\n").ToString();

    public static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private void Element(string name, string text) =>
        _text.Append('<').Append(name).Append('>').Append(Escaped(text)).Append("</").Append(name).Append('>');

    private static string Escaped(string text) => WebUtility.HtmlEncode(CommandLine.TerminalText.Printable(text));
}
