namespace StragglerGuard.Core.Detection;

/// <summary>Ranks whose records stay away while the others' come.</summary>
/// <remarks>A frame without a rank is no news about its speed; <see cref="MissingFrames"/> of them in a row are news about the
/// rank.</remarks>
internal sealed class PresenceMonitor
{
    /// <summary>Frames in a row without a rank that make it missing.</summary>
    public const int MissingFrames = 8;

    private readonly int[] _absent;
    private readonly long[] _firstAbsentStep;

    public PresenceMonitor(int ranks)
    {
        _absent = new int[ranks];
        _firstAbsentStep = new long[ranks];
    }

    /// <summary>Takes a frame's attendance.</summary>
    public void Add(ReadOnlySpan<bool> present, long step, DetectionEvents sink)
    {
        for (int rank = 0; rank < present.Length; rank++)
        {
            if (present[rank])
            {
                if (_absent[rank] >= MissingFrames)
                {
                    sink.Add(Event(DetectionEventKind.FindingCleared, rank, step, step));
                }

                _absent[rank] = 0;
                continue;
            }

            _firstAbsentStep[rank] = _absent[rank] == 0 ? step : _firstAbsentStep[rank];
            _absent[rank] = Math.Min(_absent[rank] + 1, MissingFrames + 1);
            if (_absent[rank] == MissingFrames)
            {
                sink.Add(Event(DetectionEventKind.FindingRaised, rank, _firstAbsentStep[rank], step) with
                {
                    Confidence = Attribution.VerdictConfidence.Most,
                });
            }
        }
    }

    private DetectionEvent Event(DetectionEventKind kind, int rank, long changedAtStep, long step) => new()
    {
        Kind = kind,
        Rank = new Rank(rank),
        Verdict = VerdictKind.MissingRank,
        OnsetStep = _firstAbsentStep[rank],
        ChangedAtStep = changedAtStep,
        RaisedAtStep = step,
        Slowdown = double.NaN,
        Residual = double.NaN,
        OwnShift = double.NaN,
        Sigma = double.NaN,
        Threshold = double.NaN,
        Cause = Cause.Unknown,
    };
}
