using System.Diagnostics;
using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Benchmarks.Peers;
using StragglerGuard.Benchmarks.Printing;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Benchmarks.Groups;

/// <summary>The rebalance planner, against handing out the units one by one from a heap.</summary>
internal sealed class PlanningGroup : IBenchmarkGroup
{
    private const int Seed = 20_260_730;

    private double _seen;

    /// <inheritdoc/>
    public string Name => "planning";

    /// <inheritdoc/>
    public string Summary => "rebalance planner, against the heap that deals unit by unit";

    /// <inheritdoc/>
    public IEnumerable<Row> Measure(Effort effort)
    {
        RebalanceProblem small = Draw(receivers: 512, unitsEach: 8);
        var planner = new RebalancePlanner();
        RequireSameOptimum(planner, small, HeapHandOut.Solve(small));
        Series[] series = Interleaved.Run(
            effort,
            Contestant.Of(1, () => planner.Solve(small)),
            Contestant.Of(1, () => _seen += HeapHandOut.Solve(small)));
        yield return RowOf(small, series[0], msMax: 1) with
        {
            Peer = $"heap: {Quantity.Time(series[1].MedianNs)}",
            Ratio = series[0].MedianNs / series[1].MedianNs,
        };

        RebalanceProblem large = Draw(receivers: 220_000, unitsEach: 64);
        Series alone = Interleaved.Run(effort, Contestant.Of(1, () => planner.Solve(large)))[0];
        Row row = RowOf(large, alone, msMax: 150);
        if (effort.IsQuick)
        {
            yield return row;
            yield break;
        }

        // Seconds: once is enough.
        long start = Stopwatch.GetTimestamp();
        double heapSeconds = HeapHandOut.Solve(large);
        double heapNs = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
        RequireSameOptimum(planner, large, heapSeconds);
        yield return row with { Peer = $"heap, once: {Quantity.Time(heapNs)}", Ratio = alone.MedianNs / heapNs };
    }

    private static Row RowOf(RebalanceProblem problem, Series planner, double msMax) => new(
        $"plan, {Quantity.Count(problem.SecondsPerUnit.Length)} replicas, {Quantity.Count(problem.Total)} micro-batches",
        $"{Quantity.Time(planner.MedianNs)}; {Quantity.Bytes(planner.BytesPerOperation)}", "heap: not run with --quick", Ratio: null)
    {
        Target = new Target($"≤ {Quantity.Digits(msMax)} ms", planner.MedianNs <= msMax * 1e6),
    };

    private static void RequireSameOptimum(RebalancePlanner planner, RebalanceProblem problem, double stepSeconds)
    {
        if (planner.Solve(problem) is not RebalanceOutcome.Solved solved || solved.StepSeconds != stepSeconds)
        {
            throw new InvalidOperationException($"Planner and heap disagree on the optimum, seed {Seed}.");
        }
    }

    /// <summary>Three generations of devices, each with its spread; a cap of twice the even share, and an even deal in force.</summary>
    private static RebalanceProblem Draw(int receivers, int unitsEach)
    {
        var random = new Random(Seed);
        double[] fixedSeconds = new double[receivers];
        double[] secondsPerUnit = new double[receivers];
        for (int i = 0; i < receivers; i++)
        {
            fixedSeconds[i] = 0.002 * random.NextDouble();
            secondsPerUnit[i] = 0.020 / (1 + (0.5 * random.Next(3))) * (0.95 + (0.1 * random.NextDouble()));
        }

        return new RebalanceProblem
        {
            FixedSeconds = fixedSeconds,
            SecondsPerUnit = secondsPerUnit,
            Lowest = Enumerable.Repeat(1, receivers).ToArray(),
            Highest = Enumerable.Repeat(2 * unitsEach, receivers).ToArray(),
            Current = Enumerable.Repeat(unitsEach, receivers).ToArray(),
            Total = receivers * unitsEach,
        };
    }
}
