namespace StragglerGuard.Replay;

/// <summary>How a file records a job.</summary>
public enum RecordingFormat
{
    /// <summary>
    /// Comma-separated, a step of a rank a line: <c>step,rank,compute_s,collective_s</c>, and where known <c>micro_batches</c>, <c>samples</c>,
    /// <c>tokens</c>, <c>stage</c>, <c>replica</c>, <c>device_class</c>, <c>data_wait_s</c>.
    /// </summary>
    Csv = 0,

    /// <summary>Megatron-LM's training log: one series, the elapsed time per iteration of the whole job.</summary>
    MegatronLog = 1,

    /// <summary>Mini-batch times of the workers of a job of Alibaba's PAI: <c>worker</c>, <c>time</c>, <c>batch_time_norm</c>.</summary>
    PaiCsv = 2,
}

/// <summary>The names of formats on a command line.</summary>
public static class RecordingFormats
{
    /// <summary>Every name, in the order of the enumeration.</summary>
    public static IReadOnlyList<string> Names { get; } = ["csv", "megatron-log", "pai-csv"];

    /// <summary>For example <c>megatron-log</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a value of the enumeration.</exception>
    public static string NameOf(RecordingFormat format) => Enum.IsDefined(format)
        ? Names[(int)format]
        : throw new ArgumentOutOfRangeException(nameof(format), format, "Not a format.");

    /// <summary>From a name to the format; null where there is no such name.</summary>
    public static RecordingFormat? Parse(string? name)
    {
        for (int format = 0; format < Names.Count; format++)
        {
            if (Names[format] == name)
            {
                return (RecordingFormat)format;
            }
        }

        return null;
    }
}
