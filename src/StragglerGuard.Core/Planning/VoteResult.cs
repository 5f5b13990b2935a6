namespace StragglerGuard.Core.Planning;

/// <summary>What a rank does after a vote. The same on every rank of the job.</summary>
public enum VoteKind
{
    /// <summary>The sums are unusable or a rank is missing from them: the plan in force stays, and the vote counts for nothing.</summary>
    Void = 0,

    /// <summary>All hold the plan that is in force already.</summary>
    InForceUnchanged = 1,

    /// <summary>All hold a newer plan: it is in force from the next step on.</summary>
    Switch = 2,

    /// <summary>The ranks hold different plans: the plan in force stays.</summary>
    Split = 3,

    /// <summary>The votes have been split too often: gather the epochs held, and broadcast the newest plan in-band.</summary>
    ResolveInBand = 4,
}

/// <summary>The result of one vote, from <see cref="PlanVoter.ApplyOutcome"/>.</summary>
/// <param name="Kind">What to do.</param>
/// <param name="InForce">The plan for the next step, and for all that follow until another result says otherwise.</param>
/// <param name="SplitVotes">How many votes in a row were split, this one included.</param>
public readonly record struct VoteResult(VoteKind Kind, JobPlan InForce, int SplitVotes);

/// <summary>What became of a plan offered to a rank.</summary>
public enum OfferResult
{
    /// <summary>Copied: the next vote is for it.</summary>
    Copied = 0,

    /// <summary>A vote is outstanding: it is copied when the outcome is known.</summary>
    Waiting = 1,

    /// <summary>The rank holds this epoch or a newer one already.</summary>
    NotNewer = 2,

    /// <summary>It is of another job's shape than the plan in force: other slots, another total, other members of the same generation, or a generation beyond the next.</summary>
    WrongShape = 3,

    /// <summary>Its epoch is congruent to the one in force modulo 256: votes could not tell the two apart.</summary>
    Ambiguous = 4,
}
