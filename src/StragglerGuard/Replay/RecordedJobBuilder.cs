using StragglerGuard.Traces;

namespace StragglerGuard.Replay;

/// <summary>Collects the records of a file and makes a job of them: in order, each step and rank once, without stray ranks.</summary>
internal sealed class RecordedJobBuilder(string path, RecordingFormat format)
{
    /// <summary>Records that are read; what a file holds beyond is counted as bad.</summary>
    public const int RecordsMax = 10_000_000;

    /// <summary>Ranks that a recording may have.</summary>
    public const int RanksMax = 65_536;

    /// <summary>The largest step number: beyond it a double can't count.</summary>
    public const long StepMax = 1L << 53;

    /// <summary>Units of work that a step of a rank may have.</summary>
    public const int MicroBatchesMax = 1_000_000;

    private const int StrayRecordsMax = 2;
    private const int UsualRecordsMin = 20;

    private readonly List<RecordedStep> _records = [];
    private readonly Dictionary<int, RankSeen> _ranks = [];

    public FaultLog Faults { get; } = new();

    /// <summary>Takes one record.</summary>
    /// <returns>Null, or why it can't be used.</returns>
    public string? Add(RecordedStep record, RecordedPlace place)
    {
        if (_records.Count == RecordsMax)
        {
            return $"line: more than {RecordsMax} records";
        }

        if (!_ranks.TryGetValue(record.Rank, out RankSeen? rank))
        {
            if (_ranks.Count == RanksMax)
            {
                return $"rank: more than {RanksMax} ranks";
            }

            rank = new RankSeen(place);
            _ranks.Add(record.Rank, rank);
        }
        else if (rank.Place != place)
        {
            return $"rank: {record.Rank} was at {Describe(rank.Place)} before, here at {Describe(place)}";
        }

        rank.Records++;
        _records.Add(record);
        return null;
    }

    /// <summary>Numbers the steps 0, 1, 2 … in their order, where the file names moments and not steps.</summary>
    public void NumberSteps()
    {
        var numberOf = new Dictionary<long, long>();
        foreach (long moment in _records.Select(record => record.Step).Distinct().Order())
        {
            numberOf.Add(moment, numberOf.Count);
        }

        for (int i = 0; i < _records.Count; i++)
        {
            _records[i] = _records[i] with { Step = numberOf[_records[i].Step] };
        }
    }

    /// <summary>The job; null where there is no good record.</summary>
    public RecordedJob? Build()
    {
        List<RecordedStep> inOrder = [.. _records.OrderBy(record => record.Step).ThenBy(record => record.Rank).ThenBy(record => record.Line)];
        HashSet<int> strays = FindStrays(inOrder);
        int[] numbers = [.. _ranks.Keys.Where(rank => !strays.Contains(rank)).Order()];
        var kept = new List<RecordedStep>(inOrder.Count);
        var left = new List<(int Line, string What)>();
        for (int i = 0; i < inOrder.Count; i++)
        {
            RecordedStep record = inOrder[i];
            if (strays.Contains(record.Rank))
            {
                left.Add((record.Line, FormattableString.Invariant($"rank: {record.Rank} is hardly ever recorded, the others are")));
            }
            else if (i > 0 && inOrder[i - 1].Step == record.Step && inOrder[i - 1].Rank == record.Rank)
            {
                left.Add((record.Line, format == RecordingFormat.MegatronLog
                    ? FormattableString.Invariant($"iteration: {record.Step} was logged before")
                    : FormattableString.Invariant($"step: {record.Step} of rank {record.Rank} was recorded before")));
            }
            else
            {
                kept.Add(record with { Rank = Array.BinarySearch(numbers, record.Rank) });
            }
        }

        foreach ((int line, string what) in left.OrderBy(fault => fault.Line))
        {
            Faults.Add(path, line, what);
        }

        int ending = CountOfEnding(kept, numbers.Length);
        kept.RemoveRange(kept.Count - ending, ending);
        return kept.Count == 0
            ? null
            : new RecordedJob(
                Path.GetFileName(path), format, Ranks(numbers), [.. kept], kept.Any(record => record.CollectiveNs > 0),
                kept.Any(record => record.MicroBatches >= 0)) { RecordsOfEnding = ending };
    }

    // Where most ranks have stopped recording the job was ending: who is still there says nothing about the others.
    private static int CountOfEnding(List<RecordedStep> inOrder, int ranks)
    {
        int ending = 0;
        while (ending < inOrder.Count)
        {
            int next = ending;
            long step = inOrder[^(ending + 1)].Step;
            while (next < inOrder.Count && inOrder[^(next + 1)].Step == step)
            {
                next++;
            }

            if (2 * (next - ending) >= ranks)
            {
                return ending;
            }

            ending = next;
        }

        // No step has half of the ranks: they were recorded at different times, and all there is is judged.
        return 0;
    }

    // A damaged rank number makes a rank of its own: with a record or two, where the others have many, and not from the start.
    private HashSet<int> FindStrays(List<RecordedStep> inOrder)
    {
        int[] counts = [.. _ranks.Values.Select(rank => rank.Records).Order()];
        if (counts.Length == 0 || counts[counts.Length / 2] < UsualRecordsMin)
        {
            return [];
        }

        long first = inOrder[0].Step;
        HashSet<int> fromStart = [.. inOrder.TakeWhile(record => record.Step <= first + StrayRecordsMax).Select(record => record.Rank)];
        return [.. _ranks.Where(rank => rank.Value.Records <= StrayRecordsMax && !fromStart.Contains(rank.Key)).Select(rank => rank.Key)];
    }

    private List<RecordedRank> Ranks(int[] numbers)
    {
        var membersOfStage = new Dictionary<int, int>();
        var ranks = new List<RecordedRank>(numbers.Length);
        foreach (int number in numbers)
        {
            RecordedPlace place = _ranks[number].Place;
            int stage = Math.Max(0, place.Stage);
            int members = membersOfStage.GetValueOrDefault(stage);
            membersOfStage[stage] = members + 1;
            ranks.Add(new RecordedRank(number, stage, place.Replica < 0 ? members : place.Replica, place.DeviceClass ?? "device"));
        }

        return ranks;
    }

    private static string Describe(RecordedPlace place) =>
        FormattableString.Invariant($"stage {Name(place.Stage)}, replica {Name(place.Replica)}, class {place.DeviceClass ?? "-"}");

    private static string Name(int number) => number < 0 ? "-" : FormattableString.Invariant($"{number}");

    private sealed class RankSeen(RecordedPlace place)
    {
        public RecordedPlace Place { get; } = place;

        public int Records { get; set; }
    }
}
