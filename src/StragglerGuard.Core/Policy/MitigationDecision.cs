using System.Collections.Immutable;

namespace StragglerGuard.Core.Policy;

/// <summary>Why an action is not taken. The order is that in which the rules are asked: the first that objects is named.</summary>
public enum RefusalCause
{
    /// <summary>No planner offers anything.</summary>
    NoCandidate = 0,

    /// <summary>A plan is offered and not yet in force.</summary>
    PlanPending = 1,

    /// <summary>The guard distrusts its own view.</summary>
    ObserverUnwell = 2,

    /// <summary>The last plan is too recent.</summary>
    CoolDown = 3,

    /// <summary>So much of a group is flagged that no member can be the cause.</summary>
    Brake = 4,

    /// <summary>The action's own planner advises against it.</summary>
    PlannerObjects = 5,

    /// <summary>The kind has disappointed and rests.</summary>
    KindAtRest = 6,

    /// <summary>The gain is below what a switch has to win.</summary>
    LittleGain = 7,

    /// <summary>There are too few step times to see tails by.</summary>
    LittleEvidence = 8,

    /// <summary>A replica is always late: not a matter of chance.</summary>
    AlwaysLate = 9,

    /// <summary>The slowest of a step is hardly slower than the rest.</summary>
    NoTail = 10,

    /// <summary>More of a group is flagged than destructive actions allow.</summary>
    DestructiveBrake = 11,

    /// <summary>The evidence against a replica could still be luck.</summary>
    GateClosed = 12,

    /// <summary>A probe of the device contradicts the action, or one is missing that it needs.</summary>
    ProbeDisagrees = 13,

    /// <summary>Too few members would be left.</summary>
    Floor = 14,

    /// <summary>The evictions of this hour are spent.</summary>
    BudgetSpent = 15,

    /// <summary>The replica has not been out long enough.</summary>
    OnProbation = 16,

    /// <summary>Less has been lost so far than the action costs.</summary>
    CostNotReached = 17,

    /// <summary>Another candidate is taken.</summary>
    BetterChoice = 18,
}

/// <summary>An action that is not taken.</summary>
/// <param name="Kind">What.</param>
/// <param name="Replicas">Whom it concerned.</param>
/// <param name="Cause">Why, for a program: stays the same from step to step while <paramref name="Reason"/>'s numbers change.</param>
/// <param name="Reason">Why, for a person.</param>
public sealed record MitigationRefusal(MitigationKind Kind, ImmutableArray<int> Replicas, RefusalCause Cause, string Reason);

/// <summary>What to do about a job: hold, or take one action.</summary>
/// <param name="Reason">One sentence for a person, with the numbers that decided.</param>
/// <param name="Refusals">Every candidate that is not taken, in the order of the candidates.</param>
public abstract record MitigationDecision(string Reason, ImmutableArray<MitigationRefusal> Refusals)
{
    /// <summary>Do nothing.</summary>
    /// <param name="Cause">Why, for a program: that of the refused candidate that would win most.</param>
    /// <param name="Reason">Why, for a person.</param>
    /// <param name="Refusals">All candidates.</param>
    public sealed record Hold(RefusalCause Cause, string Reason, ImmutableArray<MitigationRefusal> Refusals)
        : MitigationDecision(Reason, Refusals);

    /// <summary>Take this action.</summary>
    /// <param name="Candidate">The action.</param>
    /// <param name="Acted">Whether to carry it out: in <see cref="PolicyMode.Act"/> only. Otherwise it is for display.</param>
    /// <param name="Reason">Why, for a person.</param>
    /// <param name="Refusals">The other candidates.</param>
    public sealed record Propose(MitigationCandidate Candidate, bool Acted, string Reason, ImmutableArray<MitigationRefusal> Refusals)
        : MitigationDecision(Reason, Refusals);
}
