using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.Guardian;

/// <summary>The workers of a job that are in no group, by slot, as their nodes said last: those that could come back now.</summary>
internal sealed class StandbyBook
{
    private readonly SortedDictionary<int, StandbyReport> _waiting = [];
    private readonly Dictionary<int, (NodeId Node, long HeardNs)> _heard = [];

    /// <summary>Who waits, by slot; kept up to date.</summary>
    public IReadOnlyDictionary<int, StandbyReport> Waiting => _waiting;

    /// <summary>Takes a node's report, which names all of its workers that wait: whoever was named before, and is not now, waits no longer.</summary>
    /// <param name="report">Of any node.</param>
    /// <param name="job">Whose workers are kept here.</param>
    /// <param name="slots">Its slots; a worker that names another number is none of its.</param>
    /// <param name="nowNs">The guardian's monotonic clock.</param>
    public void Hear(NodeReport report, JobId job, int slots, long nowNs)
    {
        Forget(report.Node);
        foreach (StandbyReport waiting in report.Standby)
        {
            if (waiting.Job == job && waiting.Slots == slots)
            {
                Hear(waiting, report.Node, nowNs);
            }
        }
    }

    /// <summary>Takes what one worker says.</summary>
    public void Hear(StandbyReport waiting, NodeId node, long nowNs)
    {
        _waiting[waiting.Slot] = waiting;
        _heard[waiting.Slot] = (node, nowNs);
    }

    /// <summary>A slot is in the group: its worker waits no longer, and what was said of it before says nothing about when it leaves again.</summary>
    public void Joined(int slot)
    {
        if (_waiting.Remove(slot))
        {
            _heard.Remove(slot);
        }
    }

    /// <summary>Forgets whom nothing was heard of: a worker that died can't be taken back, and the group would wait for it.</summary>
    /// <param name="nowNs">The guardian's monotonic clock.</param>
    /// <param name="silentNs">How long a worker may be silent.</param>
    public void ForgetSilent(long nowNs, long silentNs)
    {
        if (_waiting.Count > 0)
        {
            Remove(known => nowNs - known.HeardNs > silentNs);
        }
    }

    private void Forget(NodeId node)
    {
        if (_waiting.Count > 0)
        {
            Remove(known => known.Node == node);
        }
    }

    private void Remove(Predicate<(NodeId Node, long HeardNs)> isGone)
    {
        foreach (int slot in _heard.Where(known => isGone(known.Value)).Select(known => known.Key).ToList())
        {
            Joined(slot);
        }
    }
}
