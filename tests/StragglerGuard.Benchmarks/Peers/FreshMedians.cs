namespace StragglerGuard.Benchmarks.Peers;

/// <summary>The plain way to a speed: keep the last samples of every rank, and sort a copy of them at every frame.</summary>
internal sealed class FreshMedians(int ranks, int window)
{
    private readonly double[] _samples = new double[ranks * window];
    private readonly double[] _sorted = new double[window];
    private int _frames;

    /// <summary>Takes one frame, and gives every rank's median.</summary>
    public void Observe(ReadOnlySpan<long> computeNs, Span<double> medians)
    {
        int held = Math.Min(_frames + 1, window);
        Span<double> sorted = _sorted.AsSpan(0, held);
        for (int rank = 0; rank < ranks; rank++)
        {
            _samples[(rank * window) + (_frames % window)] = computeNs[rank] * 1e-9;
            _samples.AsSpan(rank * window, held).CopyTo(sorted);
            sorted.Sort();
            medians[rank] = held % 2 == 1 ? sorted[held / 2] : 0.5 * (sorted[(held / 2) - 1] + sorted[held / 2]);
        }

        _frames++;
    }
}
