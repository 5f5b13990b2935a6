using System.Diagnostics;
using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Benchmarks.Printing;
using StragglerGuard.Collectives;
using StragglerGuard.Core;
using StragglerGuard.Recording;

namespace StragglerGuard.Benchmarks.Groups;

/// <summary>What a training loop pays for a step's record, against the least that timing anything costs: two bare timestamps.</summary>
internal sealed class RecordingGroup : IBenchmarkGroup
{
    // A tenth of a millisecond or two a turn: most turns then pass without an interruption.
    private const int StepsPerTurn = 1_000;
    private const double BeyondReadsNsMax = 30;

    private static readonly PlanEpoch s_epoch = new(3);

    private long _seen;

    /// <inheritdoc/>
    public string Name => "recording";

    /// <inheritdoc/>
    public string Summary => "record one step, against two bare timestamps";

    /// <inheritdoc/>
    public IEnumerable<Row> Measure(Effort effort)
    {
        yield return Compare(effort, "record a step, its collective timed by itself", clockReads: 1, RecordStepsOfTimedCollectives);
        yield return Compare(effort, "record a step", clockReads: 3, RecordSteps);
        yield return Compare(effort, "record a step with a wait for data", clockReads: 5, RecordStepsWithWait);
    }

    private Row Compare(Effort effort, string what, int clockReads, Action<StepRecorder> record)
    {
        using StepRing ring = StepRing.Allocate(slots: 4_096);
        var recorder = new StepRecorder(ring.CreateWriter(), new Generation(0), new Rank(0));
        Series[] series = Interleaved.Run(
            effort,
            Contestant.Of(StepsPerTurn, () => record(recorder)),
            Contestant.Of(StepsPerTurn, ReadTwoTimestamps),
            Contestant.Of(StepsPerTurn, () => ReadClock(clockReads)));
        if (recorder.Discarded > 0)
        {
            throw new InvalidOperationException($"{recorder.Discarded} steps were discarded: nothing was measured.");
        }

        double beyondNs = series[0].MedianNsBeyond(series[2]);
        double bytes = series[0].BytesPerOperation;
        string reads = clockReads == 1 ? "1 clock read" : $"{clockReads} clock reads";
        return Row.Of(
            what,
            $"{Quantity.Time(series[0].MedianNs)}: {reads} and {Quantity.Time(beyondNs)}; {Quantity.Bytes(bytes)}",
            "two timestamps", series[0], series[1]) with
        {
            Target = new Target("≤ 30 ns beyond the clock reads, 0 B", beyondNs <= BeyondReadsNsMax && bytes == 0),
        };
    }

    private static void RecordStepsOfTimedCollectives(StepRecorder recorder)
    {
        for (int step = 0; step < StepsPerTurn; step++)
        {
            recorder.BeginStep(step, s_epoch);

            // Any times do: a recorder writes down and does not judge.
            recorder.Collective(arrivalNs: 1, departureNs: 2);
            recorder.EndStep(8, 256, 4_096);
        }
    }

    private static void RecordSteps(StepRecorder recorder)
    {
        for (int step = 0; step < StepsPerTurn; step++)
        {
            recorder.BeginStep(step, s_epoch);
            recorder.Arrive();
            recorder.Depart();
            recorder.EndStep(8, 256, 4_096);
        }
    }

    private static void RecordStepsWithWait(StepRecorder recorder)
    {
        for (int step = 0; step < StepsPerTurn; step++)
        {
            recorder.BeginStep(step, s_epoch);
            recorder.BeginDataWait();
            recorder.EndDataWait();
            recorder.Arrive();
            recorder.Depart();
            recorder.EndStep(8, 256, 4_096);
        }
    }

    private void ReadTwoTimestamps()
    {
        long sum = 0;
        for (int step = 0; step < StepsPerTurn; step++)
        {
            long before = Stopwatch.GetTimestamp();
            sum += Stopwatch.GetTimestamp() - before;
        }

        _seen += sum;
    }

    private void ReadClock(int readsPerStep)
    {
        long sum = 0;
        for (int read = 0; read < StepsPerTurn * readsPerStep; read++)
        {
            sum ^= MonotonicClock.NowNs();
        }

        _seen += sum;
    }
}
