using StragglerGuard.Traces;

namespace StragglerGuard.Replay;

/// <summary>Reads recordings of jobs, packed with gzip or not.</summary>
/// <remarks>
/// A record that can't be read is counted and named, and the rest is judged. Records may stand in any order. Of two records of the same step and rank the first
/// counts. Where the format is not given it is guessed from the content: from the header of a table, or from a line as Megatron-LM logs them.
/// </remarks>
public static class RecordedJobReader
{
    private const int GuessLinesMax = 10_000;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">Its format; null to guess.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is null or empty.</exception>
    public static JobReading Read(string path, RecordingFormat? format = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using Stream stream = TraceFile.Open(path);
            return Read(stream, path, format);
        }
        catch (Exception exception) when (TraceFile.IsUnreadable(exception))
        {
            return Failed($"{path}: {exception.Message}");
        }
    }

    /// <summary>Reads unpacked text.</summary>
    /// <param name="stream">The text, UTF-8.</param>
    /// <param name="path">What to call it in messages.</param>
    /// <param name="format">Its format; null to guess.</param>
    internal static JobReading Read(Stream stream, string path, RecordingFormat? format)
    {
        var lines = new LineReader(stream);
        RecordLines? records = null;
        RecordedJobBuilder? job = null;
        string? header = null;
        while (lines.TryRead(out ReadOnlySpan<byte> line))
        {
            bool isBlank = line.Trim(" \t"u8).IsEmpty && !lines.WasTooLong;
            int number = (int)Math.Min(lines.Line, int.MaxValue);
            if (isBlank)
            {
                continue;
            }

            if (job is null || records is null)
            {
                bool isHeader = header is null;
                (records, job, header) = Begin(line, path, format, header);
                if (records is null)
                {
                    // A table without its header has nothing to find further down; a log may begin with anything.
                    if (lines.Line >= GuessLinesMax || format is RecordingFormat.Csv or RecordingFormat.PaiCsv)
                    {
                        break;
                    }

                    continue;
                }

                if (isHeader && records is not MegatronLogLines)
                {
                    continue;
                }
            }

            // What comes before a break in the file may be half a number.
            string? fault = lines.WasTooLong ? $"line: longer than {LineReader.LineBytesMax} bytes"
                : lines.Fault is not null ? "line: cut off"
                : records.Take(line, number, job!);
            if (fault is not null)
            {
                job!.Faults.Add(path, number, fault);
            }
        }

        return job is null || records is null ? Failed(WhyNot(path, format, header, lines)) : Complete(job, records, lines, path);
    }

    private static JobReading Complete(RecordedJobBuilder job, RecordLines records, LineReader lines, string path)
    {
        if (lines.Fault is not null)
        {
            job.Faults.Add(path, lines.Line + 1, $"file: {lines.Fault}");
        }

        records.Complete(job);
        RecordedJob? built = job.Build();
        TraceFaults faults = job.Faults.ToFaults();
        if (built is not null)
        {
            return new JobReading(built, null, faults);
        }

        string why = faults.Count == 0
            ? "no record below the header"
            : FormattableString.Invariant($"none of {faults.Count} records is good; the first: {faults.First[0]}");
        return new JobReading(null, $"{path}: {why}", faults);
    }

    /// <summary>Tries a line as the first that says what the file is.</summary>
    /// <returns>The readers, or both null; and what a header that was looked for lacks.</returns>
    private static (RecordLines? Records, RecordedJobBuilder? Job, string? Header) Begin(
        ReadOnlySpan<byte> line, string path, RecordingFormat? format, string? header)
    {
        if ((format is null or RecordingFormat.MegatronLog) && MegatronLogLines.IsRecord(line))
        {
            return (new MegatronLogLines(), new RecordedJobBuilder(path, RecordingFormat.MegatronLog), header);
        }

        if (header is not null || format is RecordingFormat.MegatronLog)
        {
            return (null, null, header ?? string.Empty);
        }

        (TableHeader? timing, string? timingFault) = TableHeader.Parse(line, TimingTableLines.Columns, TimingTableLines.Required);
        if (format is RecordingFormat.Csv || (format is null && timing is not null))
        {
            return timing is null
                ? (null, null, timingFault)
                : (new TimingTableLines(timing), new RecordedJobBuilder(path, RecordingFormat.Csv), string.Empty);
        }

        (TableHeader? pai, string? paiFault) = TableHeader.Parse(line, PaiTableLines.Columns, PaiTableLines.Required);
        return pai is null
            ? (null, null, format is null ? NearerFault(line, timingFault!, paiFault!) : paiFault)
            : (new PaiTableLines(pai), new RecordedJobBuilder(path, RecordingFormat.PaiCsv), string.Empty);
    }

    // A header with a column missing deserves to be told which one.
    private static string NearerFault(ReadOnlySpan<byte> line, string timing, string pai) =>
        line.IndexOf("compute_s"u8) >= 0 || line.IndexOf("collective_s"u8) >= 0 ? timing
        : line.IndexOf("batch_time_norm"u8) >= 0 ? pai
        : string.Empty;

    private static string WhyNot(string path, RecordingFormat? format, string? header, LineReader lines)
    {
        if (header is null)
        {
            return $"{path}: {lines.Fault ?? "the file is empty"}";
        }

        if (header.Length > 0)
        {
            return $"{path}:1: {header}";
        }

        return format is RecordingFormat.MegatronLog
            ? $"{path}: no line with an elapsed time per iteration"
            : $"{path}: neither a table with the columns {string.Join(",", TimingTableLines.Columns[..TimingTableLines.Required])}, nor a Megatron-LM log, "
                + $"nor a table with the columns {string.Join(",", PaiTableLines.Columns)}";
    }

    private static JobReading Failed(string fault) => new(null, fault, TraceFaults.None);
}
