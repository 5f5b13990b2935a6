namespace StragglerGuard.Replay;

/// <summary>Reads <see cref="RecordingFormat.PaiCsv"/>.</summary>
/// <remarks>
/// The workers were sampled at the same moments, and a record is the mini-batch time that a worker had then: the moments, in their order, are the steps. The times are
/// normalised to 0 … 1000 of an unknown unit, and are taken as milliseconds: only their ratios mean anything. Waiting was not recorded.
/// </remarks>
internal sealed class PaiTableLines(TableHeader header) : RecordLines
{
    public const int Required = 3;

    private const int WorkerColumn = 0;
    private const int TimeColumn = 1;
    private const double UnitSeconds = 1e-3;

    public static string[] Columns { get; } = ["worker", "time", "batch_time_norm"];

    public override string? Take(ReadOnlySpan<byte> line, int number, RecordedJobBuilder job)
    {
        long worker = 0;
        long moment = 0;
        long batch = 0;
        int at = 0;
        foreach (Range range in line.Split((byte)','))
        {
            if (at == header.Fields)
            {
                return $"line: more than {header.Fields} fields";
            }

            int column = header.ColumnAt(at++);
            ReadOnlySpan<byte> text = TextFields.Bare(line[range]);
            string? fault = column switch
            {
                WorkerColumn => TextFields.ParseWhole(text, int.MaxValue, out worker),
                TimeColumn => TextFields.ParseWhole(text, RecordedJobBuilder.StepMax, out moment),
                < 0 => null,
                _ => TextFields.ParseSeconds(text, out batch),
            };
            if (fault is not null)
            {
                return $"{Columns[column]}: {fault}";
            }
        }

        return at < header.Fields
            ? $"line: {at} fields for {header.Fields} columns"
            : job.Add(
                new RecordedStep
                {
                    Step = moment,
                    Rank = (int)worker,
                    Line = number,
                    ComputeNs = (long)Math.Round(batch * UnitSeconds),
                    MicroBatches = -1,
                },
                RecordedPlace.Unknown);
    }

    public override void Complete(RecordedJobBuilder job) => job.NumberSteps();
}
