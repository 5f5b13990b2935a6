using StragglerGuard.Core.Policy;

namespace StragglerGuard.Guardian;

/// <summary>What the guardian may do for a job, step by step. Steps come with the data, so a replay changes mode where the live run did.</summary>
internal sealed class ModeSchedule(PolicyMode initial)
{
    private readonly SortedList<long, PolicyMode> _changes = new() { [0] = initial };

    /// <summary>From the step on, until a later change.</summary>
    public void Set(PolicyMode mode, long fromStep)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(fromStep);
        _changes[fromStep] = mode;
    }

    public PolicyMode At(long step)
    {
        PolicyMode mode = _changes.Values[0];
        foreach ((long from, PolicyMode changed) in _changes)
        {
            if (from <= step)
            {
                mode = changed;
            }
        }

        return mode;
    }
}
