using MixedFleet.Launch;

namespace MixedFleet.Groups;

/// <summary>The launcher's side of <see cref="ProcessSeat"/>: collects the ports of every group's members.</summary>
internal sealed class ProcessMeetings
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, Gathering> _gatherings = [];
    private bool _isOpen;

    /// <summary>Takes a member's port.</summary>
    /// <param name="member">Whose.</param>
    /// <param name="listening">What it said.</param>
    public void Hear(RankChild member, RankListening listening)
    {
        lock (_gate)
        {
            if (!_gatherings.TryGetValue(listening.PlanHash, out Gathering? gathering))
            {
                gathering = new Gathering(listening.PlanHash, listening.Members);
                _gatherings[listening.PlanHash] = gathering;
            }

            gathering.Came[member.Slot] = (member, listening.Port);
            if (_isOpen)
            {
                gathering.TellIfComplete();
            }
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
                gathering.TellIfComplete();
            }
        }
    }

    private sealed class Gathering(ulong planHash, int[] members)
    {
        public SortedDictionary<int, (RankChild Child, int Port)> Came { get; } = [];

        public void TellIfComplete()
        {
            if (Came.Count == members.Length)
            {
                // Ranks are numbered in the order of their slots.
                var formed = new GroupFormed(planHash, [.. Came.Values.Select(member => member.Port)]);
                foreach ((RankChild child, _) in Came.Values)
                {
                    child.Tell(formed);
                }
            }
        }
    }
}
