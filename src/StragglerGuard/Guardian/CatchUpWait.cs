using StragglerGuard.Core.Timing;

namespace StragglerGuard.Guardian;

/// <summary>
/// How long a guardian that begins in the midst of a job waits for ranks whose reports are still to come: agents look for a new guardian every second,
/// and keep some minutes of reports. While what they kept is still coming in it waits on, up to a limit.
/// </summary>
internal sealed class CatchUpWait(StepFrameAssembler assembler)
{
    /// <summary>For the next record of a backlog.</summary>
    private const long SilentNs = 5_000_000_000;

    /// <summary>For all of them: the job is not judged meanwhile.</summary>
    private const long WholeNs = 30_000_000_000;

    private long _untilNs = long.MaxValue;
    private long _wholeUntilNs;
    private long _heard;

    /// <summary>Ends the catch-up, if there is one, once the time for it is over.</summary>
    /// <param name="nowNs">The guardian's monotonic clock.</param>
    /// <param name="pausedNs">How long the guardian itself was away since the last look; 0 where it was not.</param>
    public void Look(long nowNs, long pausedNs)
    {
        if (!assembler.IsCatchingUp)
        {
            return;
        }

        if (_untilNs == long.MaxValue)
        {
            _untilNs = nowNs + SilentNs;
            _wholeUntilNs = nowNs + WholeNs;
        }
        else
        {
            _untilNs += pausedNs;
            _wholeUntilNs += pausedNs;
            if (assembler.BacklogRecords > _heard)
            {
                _untilNs = Math.Min(Math.Max(_untilNs, nowNs + SilentNs), _wholeUntilNs);
            }
        }

        _heard = assembler.BacklogRecords;
        if (nowNs >= _untilNs)
        {
            assembler.EndCatchUp();
        }
    }
}
