using StragglerGuard.Traces;

namespace StragglerGuard.Replay;

/// <summary>Reads <see cref="RecordingFormat.MegatronLog"/>: of every line the iteration and the elapsed time, whatever stands around them.</summary>
/// <remarks>
/// For example <c>iteration 7/ 1200 | consumed samples: 336 | elapsed time per iteration (ms): 1405.9 | …</c>; older versions log seconds. Lines without an
/// elapsed time are no records, and no fault.
/// </remarks>
internal sealed class MegatronLogLines : RecordLines
{
    private const int Digits = 18;

    private static ReadOnlySpan<byte> Elapsed => "elapsed time per iteration ("u8;

    private static ReadOnlySpan<byte> Iteration => "iteration"u8;

    /// <summary>Whether a line is of this format.</summary>
    public static bool IsRecord(ReadOnlySpan<byte> line) => line.IndexOf(Elapsed) >= 0;

    public override string? Take(ReadOnlySpan<byte> line, int number, RecordedJobBuilder job)
    {
        int elapsed = line.IndexOf(Elapsed);
        if (elapsed < 0)
        {
            return null;
        }

        if (ParseIteration(line[..elapsed], out long iteration) is { } unnumbered)
        {
            return $"iteration: {unnumbered}";
        }

        return ParseElapsed(line[(elapsed + Elapsed.Length)..], out long ns) is { } untimed
            ? $"elapsed time per iteration: {untimed}"
            : job.Add(
                new RecordedStep { Step = iteration, Rank = 0, Line = number, ComputeNs = ns, MicroBatches = -1 }, RecordedPlace.Unknown);
    }

    private static string? ParseIteration(ReadOnlySpan<byte> text, out long iteration)
    {
        iteration = 0;
        int at = text.IndexOf(Iteration);
        if (at < 0)
        {
            return "the line does not name it";
        }

        text = text[(at + Iteration.Length)..].TrimStart(" \t:"u8);
        int end = text.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        ReadOnlySpan<byte> digits = end < 0 ? text : text[..end];
        return digits.Length is 0 or > Digits
            ? $"{TextFields.Shown(text[..Math.Min(text.Length, Digits)])} is not a number"
            : TextFields.ParseWhole(digits, RecordedJobBuilder.StepMax, out iteration);
    }

    // "ms): 1405.9 | …" or "s): 1.4059 | …"
    private static string? ParseElapsed(ReadOnlySpan<byte> text, out long ns)
    {
        ns = 0;
        bool isMilliseconds = text.StartsWith("ms):"u8);
        if (!isMilliseconds && !text.StartsWith("s):"u8))
        {
            return "its unit is neither ms nor s";
        }

        text = text[(text.IndexOf((byte)':') + 1)..];
        int end = text.IndexOf((byte)'|');
        text = (end < 0 ? text : text[..end]).Trim(" \t"u8);
        if (!isMilliseconds)
        {
            return TextFields.ParseSeconds(text, out ns);
        }

        const long mostMs = TextFields.SecondsMax * 1_000L;
        if (!DecimalText.TryParseSeconds(text, out long picoseconds) || picoseconds < 0 || picoseconds / 1_000_000_000 > mostMs)
        {
            return $"{TextFields.Shown(text)} is not a time of 0 … {mostMs} ms";
        }

        ns = picoseconds / 1_000;
        return null;
    }
}
