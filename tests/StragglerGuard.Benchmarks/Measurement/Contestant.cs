using System.Diagnostics;

namespace StragglerGuard.Benchmarks.Measurement;

/// <summary>What one turn of a contestant took.</summary>
/// <param name="Ns">Elapsed, ns.</param>
/// <param name="AllocatedBytes">Bytes that the working threads allocated meanwhile.</param>
internal readonly record struct Turn(double Ns, long AllocatedBytes);

/// <summary>One side of a comparison.</summary>
/// <param name="Operations">Operations in a turn, 1 or more; results are per operation.</param>
/// <param name="Take">Takes one turn and times itself.</param>
internal sealed record Contestant(int Operations, Func<Turn> Take)
{
    /// <summary>A contestant that works on the calling thread.</summary>
    /// <param name="operations">Operations that <paramref name="run"/> does.</param>
    /// <param name="run">What is timed.</param>
    /// <param name="prepare">Done before each turn, untimed.</param>
    public static Contestant Of(int operations, Action run, Action? prepare = null) => new(operations, () =>
    {
        prepare?.Invoke();
        long bytesBefore = GC.GetAllocatedBytesForCurrentThread();
        long start = Stopwatch.GetTimestamp();
        run();
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        return new Turn(elapsed.TotalNanoseconds, GC.GetAllocatedBytesForCurrentThread() - bytesBefore);
    });
}
