namespace MixedFleet.Cluster.Actors;

/// <summary>How long to wait before a process that ended is started again: longer each time that it ends soon, until it is not worth another start.</summary>
internal sealed class RestartPacing
{
    /// <summary>A process that ends again and again soon after it was started is not worth another start.</summary>
    private const int SoonEndedMax = 4;

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(4);

    private TimeSpan _pause = PauseMin;
    private int _soonEnded;

    /// <summary>The pause before the next start.</summary>
    /// <param name="lived">How long the process was there; zero for one that could not be started.</param>
    /// <returns>Null where there is to be none.</returns>
    public TimeSpan? AfterEnd(TimeSpan lived)
    {
        if (lived >= Soon)
        {
            (_pause, _soonEnded) = (PauseMin, 0);
            return _pause;
        }

        _soonEnded++;
        _pause = _pause * 2 < PauseMax ? _pause * 2 : PauseMax;
        return _soonEnded < SoonEndedMax ? _pause : null;
    }
}
