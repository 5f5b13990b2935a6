using System.Diagnostics;
using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Benchmarks.Workloads;

namespace StragglerGuard.Benchmarks.Peers;

/// <summary>As many threads as there are ranks, meeting at the runtime's own barrier: what agreeing costs when nothing is said.</summary>
internal sealed class ThreadBarrier(int threads) : IDisposable
{
    private readonly RankCrew _crew = new(threads);
    private readonly Barrier _barrier = new(threads);

    /// <summary>Meetings back to back.</summary>
    /// <param name="count">Meetings a turn.</param>
    public Contestant Meetings(int count)
    {
        long[] start = new long[_crew.Ranks];
        long[] end = new long[_crew.Ranks];
        Action<int> meet = thread =>
        {
            _barrier.SignalAndWait();
            start[thread] = Stopwatch.GetTimestamp();
            for (int i = 0; i < count; i++)
            {
                _barrier.SignalAndWait();
            }

            end[thread] = Stopwatch.GetTimestamp();
        };
        return new Contestant(count, () =>
        {
            _crew.Run(meet);
            return new Turn(Stopwatch.GetElapsedTime(start.Min(), end.Max()).TotalNanoseconds, AllocatedBytes: 0);
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _crew.Dispose();
        _barrier.Dispose();
    }
}
