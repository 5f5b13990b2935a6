using StragglerGuard.Core.Policy;

namespace StragglerGuard.Guardian;

/// <summary>What the guardian may do for a job, step by step. Steps come with the data, so a replay changes mode where the live run
/// did.</summary>
internal sealed class ModeSchedule(PolicyMode initial)
{
    private readonly SortedList<long, PolicyMode> _changes = new() { [0] = initial };

    /// <summary>Whether it was never changed.</summary>
    public bool IsInitial { get; private set; } = true;

    /// <summary>From the step on, whatever was said before about later steps: who calls the guard back is obeyed.</summary>
    /// <returns>Whether that changes anything.</returns>
    public bool Set(PolicyMode mode, long fromStep)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(fromStep);
        if (At(fromStep) == mode && _changes.Keys[^1] <= fromStep)
        {
            return false;
        }

        for (int i = _changes.Count - 1; i >= 0 && _changes.Keys[i] >= fromStep; i--)
        {
            _changes.RemoveAt(i);
        }

        _changes[fromStep] = mode;
        IsInitial = false;
        return true;
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
