namespace StragglerGuard.Core.Detection;

/// <summary>The detectors that remember more of a rank than a screening can afford for all.</summary>
internal sealed class SuspectWatch
{
    public CreepWatch Creep { get; } = new();

    public SpikeWatch Spikes { get; } = new();

    /// <summary>Steps since there was last a reason to watch.</summary>
    public int QuietSteps { get; set; }

    public void Restart()
    {
        Creep.Restart();
        Spikes.Restart();
        QuietSteps = 0;
    }
}

/// <summary>Watches by rank, from a pool that is allocated once: every rank of a small job has one, the suspects of a large one.</summary>
internal sealed class SuspectPool
{
    /// <summary>The most watches, about 0.7 KB each.</summary>
    public const int Capacity = 4_096;

    private const int QuietStepsMax = 256;

    private readonly SuspectWatch?[] _watch;
    private readonly Stack<SuspectWatch> _free;
    private readonly bool _isForAll;

    public SuspectPool(int ranks)
    {
        _watch = new SuspectWatch?[ranks];
        _isForAll = ranks <= Capacity;
        _free = new Stack<SuspectWatch>(_isForAll ? 0 : Capacity);
        for (int i = 0; i < Math.Min(ranks, Capacity); i++)
        {
            if (_isForAll)
            {
                _watch[i] = new SuspectWatch();
            }
            else
            {
                _free.Push(new SuspectWatch());
            }
        }
    }

    /// <summary>Suspects that found the pool empty.</summary>
    public long Refused { get; private set; }

    /// <summary>The watch on a rank; null where there is none.</summary>
    public SuspectWatch? On(int rank) => _watch[rank];

    /// <summary>The watch on a rank, begun if there is reason to and given back if there was none for long.</summary>
    public SuspectWatch? Follow(int rank, bool isSuspicious)
    {
        SuspectWatch? watch = _watch[rank];
        if (_isForAll || (watch is null && !isSuspicious))
        {
            return watch;
        }

        if (watch is null)
        {
            if (!_free.TryPop(out watch))
            {
                Refused++;
                return null;
            }

            watch.Restart();
            _watch[rank] = watch;
        }

        watch.QuietSteps = isSuspicious || watch.Creep.IsCreeping ? 0 : watch.QuietSteps + 1;
        if (watch.QuietSteps > QuietStepsMax)
        {
            _watch[rank] = null;
            _free.Push(watch);
            return null;
        }

        return watch;
    }
}
