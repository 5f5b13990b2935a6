namespace StragglerGuard.Benchmarks.Workloads;

/// <summary>The threads of a group's ranks. They sleep between calls: whoever takes turns with them has the machine to itself.</summary>
internal sealed class RankCrew : IDisposable
{
    private readonly Barrier _meet;
    private readonly Thread[] _threads;
    private readonly Exception?[] _failures;
    private Action<int>? _work;

    /// <summary>Starts the threads.</summary>
    public RankCrew(int ranks)
    {
        _meet = new Barrier(ranks + 1);
        _failures = new Exception?[ranks];
        _threads = [.. Enumerable.Range(0, ranks).Select(rank => new Thread(() => Live(rank))
        {
            Name = $"rank-{rank}",
            IsBackground = true,
        })];
        Array.ForEach(_threads, thread => thread.Start());
    }

    /// <summary>How many there are.</summary>
    public int Ranks => _threads.Length;

    /// <summary>Lets all ranks work and waits for them.</summary>
    /// <param name="work">Of one rank. A rank that throws must see to it that the others come back.</param>
    /// <exception cref="InvalidOperationException">A rank failed.</exception>
    public void Run(Action<int> work)
    {
        _work = work;
        _meet.SignalAndWait();
        _meet.SignalAndWait();
        if (_failures.FirstOrDefault(failure => failure is not null) is { } failure)
        {
            throw new InvalidOperationException($"A rank failed: {failure.Message}", failure);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _work = null;
        _meet.SignalAndWait();
        Array.ForEach(_threads, thread => thread.Join());
        _meet.Dispose();
    }

    private void Live(int rank)
    {
        while (true)
        {
            _meet.SignalAndWait();
            if (_work is not { } work)
            {
                return;
            }

            try
            {
                work(rank);
            }
            catch (Exception failed)
            {
                _failures[rank] = failed;
            }

            _meet.SignalAndWait();
        }
    }
}
