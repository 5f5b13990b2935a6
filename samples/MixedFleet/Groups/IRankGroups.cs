using StragglerGuard.Agent;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Groups;

/// <summary>How one slot of the job meets the others of a generation, and what it hears of the job while it is in none.</summary>
internal interface IRankGroups
{
    /// <summary>The guard's agent on this slot's node.</summary>
    NodeAgent Agent { get; }

    /// <summary>The node.</summary>
    NodeId Node { get; }

    /// <summary>Cancelled when the job has been trained to its end, or is lost: nobody needs to wait for another generation.</summary>
    CancellationToken Over { get; }

    /// <summary>The last step that the job is known to have done; −1 before the first.</summary>
    long LastStep { get; }

    /// <summary>Meets the members of a plan's generation: returns when all of them have come.</summary>
    /// <param name="plan">With a share for this slot, the same at every member.</param>
    /// <param name="within">How long to wait; null for as long as the job goes on.</param>
    /// <returns>This slot's end of the group: the caller's to dispose. Its rank is the slot's number in the plan.</returns>
    /// <exception cref="GroupNotMetException">Members did not come in time.</exception>
    /// <exception cref="OperationCanceledException">The job is over.</exception>
    ITransport Meet(JobPlan plan, TimeSpan? within);

    /// <summary>This slot is in no group from now on, until it meets the next.</summary>
    void StandBy();
}

/// <summary>The members of a generation did not come together.</summary>
internal sealed class GroupNotMetException : Exception
{
    public GroupNotMetException(JobPlan plan, IEnumerable<int> missing, TimeSpan within)
        : base(FormattableString.Invariant(
            $"{plan.Generation} did not come together within {within.TotalSeconds:0} s: of its members {string.Join(", ", missing.Select(slot => $"rank {slot}"))} stayed away"))
    {
    }

    public GroupNotMetException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
