using StragglerGuard.Core.WhatIf;

namespace StragglerGuard.Traces;

/// <summary>Reads operation traces as comma-separated text, packed with gzip or not.</summary>
/// <remarks>
/// <para>One record a line under a header that names the columns, in any order: <c>dp_rank, stage, step, optype, start_ts, duration</c>, and where known
/// <c>rank, seq_id, mc, mb_id, gmc</c>; other columns are ignored. Times are in seconds. These are the columns of the traces that the OSDI'25 what-if paper
/// published. Without <c>seq_id</c> operations are numbered by their start.</para>
/// <para>A record that can't be read is counted and named, and the rest is judged.</para>
/// </remarks>
public static class OperationsCsvReader
{
    /// <summary>How many records are read; what a file holds beyond is counted as bad.</summary>
    public const int RecordsMax = 10_000_000;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is null or empty.</exception>
    public static OperationsReading Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using Stream stream = TraceFile.Open(path);
            return Read(stream, path);
        }
        catch (Exception exception) when (TraceFile.IsUnreadable(exception))
        {
            return new OperationsReading(path, $"{path}: {exception.Message}");
        }
    }

    /// <summary>Reads unpacked text.</summary>
    /// <param name="stream">The text, UTF-8.</param>
    /// <param name="path">What to call it in messages.</param>
    internal static OperationsReading Read(Stream stream, string path)
    {
        var lines = new LineReader(stream);
        if (!lines.TryRead(out ReadOnlySpan<byte> header))
        {
            return new OperationsReading(path, $"{path}: {lines.Fault ?? "the file is empty"}");
        }

        (OperationsCsvColumns? columns, string? fault) = OperationsCsvColumns.Parse(header);
        return columns is null
            ? new OperationsReading(path, $"{path}:1: {fault}")
            : ReadRecords(lines, columns, path);
    }

    private static OperationsReading ReadRecords(LineReader lines, OperationsCsvColumns columns, string path)
    {
        var faults = new FaultLog();
        var builder = new OperationTraceBuilder();
        var lineOf = new List<int>();
        while (lines.TryRead(out ReadOnlySpan<byte> line))
        {
            if (line.IsEmpty && !lines.WasTooLong)
            {
                continue;
            }

            if (builder.Count == RecordsMax)
            {
                faults.AddUnnamed(1);
                continue;
            }

            string? fault = lines.WasTooLong
                ? $"line: longer than {LineReader.LineBytesMax} bytes"
                : columns.TryParse(line, out TraceOperation operation) ?? Added(builder, operation);
            if (fault is null)
            {
                lineOf.Add((int)Math.Min(lines.Line, int.MaxValue));
            }
            else
            {
                faults.Add(path, lines.Line, fault);
            }
        }

        if (lines.Fault is not null)
        {
            faults.Add(path, lines.Line + 1, $"file: {lines.Fault}");
        }

        TraceFaults found = faults.ToFaults();
        if (builder.Count > 0)
        {
            return new OperationsReading(path, builder.Build(), [.. lineOf], found);
        }

        string why = found.Count == 0 ? "no record below the header" : $"none of {found.Count} records is good; the first: {found.First[0]}";
        return new OperationsReading(path, null, [], found) { Fault = $"{path}: {why}" };
    }

    private static string? Added(OperationTraceBuilder builder, in TraceOperation operation)
    {
        builder.Add(operation);
        return null;
    }
}
