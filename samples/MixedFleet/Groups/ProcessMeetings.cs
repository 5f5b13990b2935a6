using MixedFleet.Launch;

namespace MixedFleet.Groups;

/// <summary>The launcher's side of <see cref="ProcessSeat"/>: collects the ports of every group's members.</summary>
internal sealed class ProcessMeetings
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, Gathering> _gatherings = [];

    /// <summary>Slots that are in no group now, and the one that each waits for; null for a slot that stands by.</summary>
    private readonly Dictionary<int, Gathering?> _apart = [];
    private bool _isOpen;

    /// <summary>Takes a member's port.</summary>
    /// <param name="slot">Whose.</param>
    /// <param name="tell">The way to it.</param>
    /// <param name="listening">What it said.</param>
    public void Hear(int slot, Action<LauncherMessage> tell, RankListening listening)
    {
        lock (_gate)
        {
            if (!_gatherings.TryGetValue(listening.PlanHash, out Gathering? gathering))
            {
                gathering = new Gathering(listening.PlanHash, listening.Members);
                _gatherings[listening.PlanHash] = gathering;
            }

            gathering.Came[slot] = (tell, listening.Port);
            _apart[slot] = gathering;
            if (_isOpen)
            {
                Form(gathering);
            }
        }
    }

    /// <summary>A slot is in no group, and waits for none.</summary>
    public void StandBy(int slot)
    {
        lock (_gate)
        {
            _apart[slot] = null;
        }
    }

    /// <summary>Groups may form from now on.</summary>
    public void Open()
    {
        lock (_gate)
        {
            _isOpen = true;
            foreach (Gathering gathering in _gatherings.Values)
            {
                Form(gathering);
            }
        }
    }

    /// <summary>
    /// Whether nobody is in a group any more, and none can form: whoever is left stands by, or waits for somebody who is gone. They would wait for
    /// ever.
    /// </summary>
    /// <param name="running">The slots whose processes still run.</param>
    public bool AreStranded(IReadOnlyCollection<int> running)
    {
        lock (_gate)
        {
            return running.All(slot => _apart.TryGetValue(slot, out Gathering? awaited) && (awaited is null || awaited.Members.Except(running).Any()));
        }
    }

    private void Form(Gathering gathering)
    {
        if (gathering.Came.Count < gathering.Members.Count)
        {
            return;
        }

        // Ranks are numbered in the order of their slots.
        var formed = new GroupFormed(gathering.PlanHash, [.. gathering.Came.Values.Select(member => member.Port)]);
        foreach ((int slot, (Action<LauncherMessage> tell, _)) in gathering.Came)
        {
            _apart.Remove(slot);
            tell(formed);
        }
    }

    private sealed record Gathering(ulong PlanHash, IReadOnlyList<int> Members)
    {
        public SortedDictionary<int, (Action<LauncherMessage> Tell, int Port)> Came { get; } = [];
    }
}
