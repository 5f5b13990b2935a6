using System.Text;

namespace StragglerGuard.Replay;

/// <summary>Reads <see cref="RecordingFormat.Csv"/>.</summary>
internal sealed class TimingTableLines(TableHeader header) : RecordLines
{
    public const int Required = 4;

    private const int ClassBytesMax = 64;

    private enum Column
    {
        Step,
        Rank,
        Compute,
        Collective,
        MicroBatches,
        Samples,
        Tokens,
        Stage,
        Replica,
        DeviceClass,
        DataWait,
    }

    public static string[] Columns { get; } =
    [
        "step", "rank", "compute_s", "collective_s", "micro_batches", "samples", "tokens", "stage", "replica", "device_class", "data_wait_s",
    ];

    public override string? Take(ReadOnlySpan<byte> line, int number, RecordedJobBuilder job)
    {
        var fields = new Fields();
        int at = 0;
        foreach (Range range in line.Split((byte)','))
        {
            if (at == header.Fields)
            {
                return $"line: more than {header.Fields} fields";
            }

            int column = header.ColumnAt(at++);
            if (column >= 0 && fields.Parse((Column)column, TextFields.Bare(line[range])) is { } fault)
            {
                return $"{Columns[column]}: {fault}";
            }
        }

        if (at < header.Fields)
        {
            return $"line: {at} fields for {header.Fields} columns";
        }

        return job.Add(fields.ToRecord(number), new RecordedPlace((int)fields.Stage, (int)fields.Replica, fields.DeviceClass));
    }

    private sealed class Fields
    {
        private long _step;
        private long _rank;
        private long _computeNs;
        private long _collectiveNs;
        private long _dataWaitNs;
        private long _microBatches = -1;
        private double _samples;
        private double _tokens;

        public long Stage { get; private set; } = -1;

        public long Replica { get; private set; } = -1;

        public string? DeviceClass { get; private set; }

        public RecordedStep ToRecord(int line) => new()
        {
            Step = _step,
            Rank = (int)_rank,
            Line = line,
            ComputeNs = _computeNs,
            CollectiveNs = _collectiveNs,
            DataWaitNs = _dataWaitNs,
            MicroBatches = (int)_microBatches,
            Samples = _samples,
            Tokens = _tokens,
        };

        public string? Parse(Column column, ReadOnlySpan<byte> text)
        {
            if (text.IsEmpty && (int)column >= Required)
            {
                return null;
            }

            string? fault;
            long value;
            switch (column)
            {
                case Column.Step:
                    return TextFields.ParseWhole(text, RecordedJobBuilder.StepMax, out _step);
                case Column.Rank:
                    return TextFields.ParseWhole(text, int.MaxValue, out _rank);
                case Column.Compute:
                    return TextFields.ParseSeconds(text, out _computeNs);
                case Column.Collective:
                    return TextFields.ParseSeconds(text, out _collectiveNs);
                case Column.DataWait:
                    return TextFields.ParseSeconds(text, out _dataWaitNs);
                case Column.MicroBatches:
                    return TextFields.ParseWhole(text, RecordedJobBuilder.MicroBatchesMax, out _microBatches);
                case Column.Samples:
                    return TextFields.ParseAmount(text, out _samples);
                case Column.Tokens:
                    return TextFields.ParseAmount(text, out _tokens);
                case Column.Stage:
                    fault = TextFields.ParseWhole(text, RecordedJobBuilder.RanksMax, out value);
                    Stage = value;
                    return fault;
                case Column.Replica:
                    fault = TextFields.ParseWhole(text, RecordedJobBuilder.RanksMax, out value);
                    Replica = value;
                    return fault;
                default:
                    bool isName = text.Length <= ClassBytesMax && text.IndexOfAnyExceptInRange((byte)0x20, (byte)0x7E) < 0;
                    DeviceClass = isName ? Encoding.ASCII.GetString(text) : null;
                    return isName ? null : $"{TextFields.Shown(text)} is not a name of {ClassBytesMax} printable characters or fewer";
            }
        }
    }
}
