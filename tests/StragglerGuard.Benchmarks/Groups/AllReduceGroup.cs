using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Benchmarks.Peers;
using StragglerGuard.Benchmarks.Printing;
using StragglerGuard.Benchmarks.Workloads;

namespace StragglerGuard.Benchmarks.Groups;

/// <summary>
/// Four ranks' ring all-reduce against copying one rank's vector once, and their ballot against the least that lets them agree; and what
/// it costs to be able to do without the late.
/// </summary>
/// <remarks>
/// Bus bandwidth as in NCCL's tests: 2·(n − 1)/n · bytes ÷ time, which is what each rank sends. On one machine all ranks share its memory,
/// so together they move n times as much, and every byte is read, added and written.
/// </remarks>
internal sealed class AllReduceGroup : IBenchmarkGroup
{
    private const int Ranks = 4;
    private const int ElementsPerMebibyte = (1 << 20) / sizeof(float);
    private const int BallotsPerTurn = 50;
    private const int StepEndsPerTurn = 10;

    private static readonly int[] s_mebibytes = [1, 4, 16, 64];
    private static readonly int[] s_mebibytesQuick = [1, 16];

    /// <inheritdoc/>
    public string Name => "allreduce";

    /// <inheritdoc/>
    public string Summary => "ring all-reduce of four ranks, against a memory copy; their ballot; partial reduction";

    /// <inheritdoc/>
    public IEnumerable<Row> Measure(Effort effort)
    {
        int[] mebibytes = effort.IsQuick ? s_mebibytesQuick : s_mebibytes;
        float[] source = new float[mebibytes[^1] * ElementsPerMebibyte];
        float[] destination = new float[source.Length];

        // Written once, else all pages read would be one and the same.
        source.AsSpan().Fill(1);
        using (RankGroup group = RankGroup.InProcess(Ranks, source.Length))
        {
            foreach (Row row in Compare(effort, group, "in process", mebibytes, source, destination))
            {
                yield return row;
            }

            using var barrier = new ThreadBarrier(Ranks);
            yield return CompareBallot(effort, group, "in process", "barrier of the runtime", barrier.Meetings(BallotsPerTurn));
            yield return ComparePartial(effort, group, "in process");
        }

        using (RankGroup group = RankGroup.OverLoopback(Ranks, source.Length))
        {
            foreach (Row row in Compare(effort, group, "over TCP", mebibytes, source, destination))
            {
                yield return row;
            }

            using var echo = new LoopbackEcho(RankGroup.BallotElements * sizeof(double));
            yield return CompareBallot(effort, group, "over TCP", "round trip of a bare socket", echo.RoundTrips(BallotsPerTurn));
            yield return ComparePartial(effort, group, "over TCP");
        }
    }

    private static IEnumerable<Row> Compare(
        Effort effort, RankGroup group, string transport, int[] mebibytes, float[] source, float[] destination)
    {
        foreach (int size in mebibytes)
        {
            int elements = size * ElementsPerMebibyte;
            Series[] series = Interleaved.Run(
                effort,
                group.AllReduce(elements),
                Contestant.Of(1, () => source.AsSpan(0, elements).CopyTo(destination)));
            double bytes = (double)elements * sizeof(float);
            double sentByEach = 2.0 * (Ranks - 1) / Ranks * bytes;
            yield return new Row(
                $"all-reduce, {Ranks} ranks {transport}, {size} MiB",
                $"{Quantity.Time(series[0].MedianNs)}, bus {Quantity.Digits(sentByEach / series[0].MedianNs)} GB/s",
                $"memory copy: {Quantity.Time(series[1].MedianNs)}, {Quantity.Digits(bytes / series[1].MedianNs)} GB/s",
                series[0].MedianNs / series[1].MedianNs);
        }
    }

    /// <summary>What it costs that the reduction could do without some ranks, where it does not.</summary>
    private static Row ComparePartial(Effort effort, RankGroup group, string transport)
    {
        Series[] series = Interleaved.Run(
            effort,
            group.StepEnds(ElementsPerMebibyte, StepEndsPerTurn, isPartial: true),
            group.StepEnds(ElementsPerMebibyte, StepEndsPerTurn, isPartial: false));
        return Row.Of(
            $"partial reduction, {Ranks} ranks {transport}, none late, 1 MiB",
            $"{Quantity.Time(series[0].MedianNs)}; {Quantity.Bytes(series[0].BytesPerOperation)}",
            "ballot and all-reduce", series[0], series[1]);
    }

    private static Row CompareBallot(Effort effort, RankGroup group, string transport, string peerName, Contestant peer)
    {
        Series[] series = Interleaved.Run(effort, group.Ballots(BallotsPerTurn), peer);
        return Row.Of(
            $"ballot, {Ranks} ranks {transport}, {RankGroup.BallotElements} doubles",
            $"{Quantity.Time(series[0].MedianNs)}; {Quantity.Bytes(series[0].BytesPerOperation)}",
            peerName, series[0], series[1]);
    }
}
