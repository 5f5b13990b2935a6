using System.Diagnostics;
using System.Runtime;

namespace StragglerGuard.Benchmarks.Measurement;

/// <summary>
/// Lets contestants take turns, A B A B …, so that whatever else the machine does falls on all of them, and takes medians, so that
/// a turn in which the machine was away counts for nothing.
/// </summary>
internal static class Interleaved
{
    // The runtime waits 100 ms for calm before it compiles what turned out to be hot: quiet for longer, it is done.
    private static readonly TimeSpan s_compilerQuiet = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_warmUpMax = TimeSpan.FromSeconds(2);

    /// <summary>Warms up, then measures.</summary>
    /// <returns>One series per contestant, in their order.</returns>
    public static Series[] Run(Effort effort, params Contestant[] contestants)
    {
        WarmUp(effort, contestants);
        GC.Collect();
        Series[] series = [.. contestants.Select(contestant => new Series(contestant.Operations))];
        long begun = Stopwatch.GetTimestamp();
        for (int round = 0; round < effort.RoundsMin || Stopwatch.GetElapsedTime(begun) < effort.Repeating; round++)
        {
            for (int i = 0; i < contestants.Length; i++)
            {
                series[i].Add(contestants[i].Take());
            }
        }

        return series;
    }

    private static void WarmUp(Effort effort, Contestant[] contestants)
    {
        long begun = Stopwatch.GetTimestamp();
        long quietSince = begun;
        long compiled = JitInfo.GetCompiledMethodCount();
        while ((Stopwatch.GetElapsedTime(begun) < effort.WarmUp || Stopwatch.GetElapsedTime(quietSince) < s_compilerQuiet)
            && Stopwatch.GetElapsedTime(begun) < s_warmUpMax)
        {
            foreach (Contestant contestant in contestants)
            {
                contestant.Take();
            }

            long compiledNow = JitInfo.GetCompiledMethodCount();
            if (compiledNow != compiled)
            {
                compiled = compiledNow;
                quietSince = Stopwatch.GetTimestamp();
            }
        }
    }
}
