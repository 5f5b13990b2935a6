namespace StragglerGuard.Core.Planning;

/// <summary>One rank's part in agreeing on a plan. Pure: its owner calls it from the rank's own loop.</summary>
/// <remarks>
/// <para>Each step: <see cref="BeginVote"/> before the ballot is written, the reduction, <see cref="Ballot.Read"/>,
/// <see cref="ApplyOutcome"/>. The vote of step s decides the plan of step s + 1: a switch is in force from step s + 1 on, on every
/// rank, since every rank reads the same sums. Step s itself is computed and weighted under the plan that it began with.</para>
/// <para>A rank that has voted keeps what it voted for until the outcome is known; a plan that arrives meanwhile waits in a second
/// slot. After <see cref="SplitVotesMax"/> split votes in a row all ranks get <see cref="VoteKind.ResolveInBand"/> at the same step:
/// they all-gather <see cref="Held"/>'s epochs, <see cref="LowestHolder"/> broadcasts its <see cref="Held"/>, and all call
/// <see cref="AdoptInBand"/>; this too is in force from the step after the vote. So a plan that one rank has copied is in force on all
/// ranks at most <see cref="SplitVotesMax"/> votes later, though no other rank's agent lives.</para>
/// <para>No call allocates.</para>
/// </remarks>
public sealed class PlanVoter
{
    /// <summary>So many split votes in a row are resolved in-band.</summary>
    public const int SplitVotesMax = 8;

    private JobPlan? _waiting;
    private State _state;
    private int _splitVotes;

    /// <summary>Starts with the plan that is in force on every rank of the generation.</summary>
    /// <param name="inForce">The same on every rank.</param>
    /// <exception cref="ArgumentNullException"><paramref name="inForce"/> is null.</exception>
    public PlanVoter(JobPlan inForce)
    {
        ArgumentNullException.ThrowIfNull(inForce);
        InForce = inForce;
        Held = inForce;
    }

    private enum State
    {
        Idle,
        Voted,
        Resolving,
    }

    /// <summary>The plan for the step that begins next, or that runs while its vote is outstanding.</summary>
    public JobPlan InForce { get; private set; }

    /// <summary>The newest plan copied: what this rank votes for. Fixed from <see cref="BeginVote"/> until the outcome.</summary>
    public JobPlan Held { get; private set; }

    /// <summary>Copies a plan if it is newer than what the rank has.</summary>
    /// <param name="plan">As it came from the agent.</param>
    /// <exception cref="ArgumentNullException"><paramref name="plan"/> is null.</exception>
    public OfferResult Offer(JobPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (plan.Epoch <= Held.Epoch || (_waiting is not null && plan.Epoch <= _waiting.Epoch))
        {
            return OfferResult.NotNewer;
        }

        // Every rank has the same plan in force and so refuses the same plans: none is voted for by some and refused by others.
        if (!MayFollow(plan))
        {
            return OfferResult.WrongShape;
        }

        if (Ballot.Residue(plan.Epoch) == Ballot.Residue(InForce.Epoch))
        {
            return OfferResult.Ambiguous;
        }

        if (_state == State.Idle)
        {
            Held = plan;
            return OfferResult.Copied;
        }

        _waiting = plan;
        return OfferResult.Waiting;
    }

    /// <summary>Fixes what this rank votes for.</summary>
    /// <returns>The epoch for <see cref="Ballot.Write"/>.</returns>
    /// <exception cref="InvalidOperationException">The last vote has no outcome yet.</exception>
    public PlanEpoch BeginVote()
    {
        Require(State.Idle);
        _state = State.Voted;
        return Held.Epoch;
    }

    /// <summary>Takes the outcome of the vote.</summary>
    /// <param name="outcome">From the sums of that vote.</param>
    /// <returns>What to do; see <see cref="VoteKind"/>.</returns>
    /// <exception cref="InvalidOperationException">There is no vote outstanding.</exception>
    public VoteResult ApplyOutcome(BallotOutcome outcome)
    {
        Require(State.Voted);
        if (outcome.Status == BallotStatus.Split)
        {
            _splitVotes++;
            if (_splitVotes >= SplitVotesMax)
            {
                // What is held stays fixed: it is what the others are about to be told.
                _state = State.Resolving;
                return new VoteResult(VoteKind.ResolveInBand, InForce, _splitVotes);
            }

            return EndVote(VoteKind.Split);
        }

        // Agreement on what this rank did not vote for means that the sums are not those of this vote.
        if (!outcome.Agreed || outcome.AgreedResidue != Ballot.Residue(Held.Epoch))
        {
            return EndVote(VoteKind.Void);
        }

        _splitVotes = 0;
        if (Held.Epoch == InForce.Epoch)
        {
            return EndVote(VoteKind.InForceUnchanged);
        }

        InForce = Held;
        return EndVote(VoteKind.Switch);
    }

    /// <summary>Who broadcasts when votes are split: the lowest rank among those that hold the newest epoch.</summary>
    /// <param name="epochs">What each rank holds, in rank order, as gathered from all; 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no epochs.</exception>
    public static Rank LowestHolder(ReadOnlySpan<long> epochs)
    {
        ArgumentOutOfRangeException.ThrowIfZero(epochs.Length, nameof(epochs));
        var holder = 0;
        for (var rank = 1; rank < epochs.Length; rank++)
        {
            if (epochs[rank] > epochs[holder])
            {
                holder = rank;
            }
        }

        return new Rank(holder);
    }

    /// <summary>Ends a resolution: the plan that was broadcast is in force from the step after the vote on.</summary>
    /// <param name="plan">What <see cref="LowestHolder"/> broadcast; that rank passes its own <see cref="Held"/>.</param>
    /// <returns><see cref="VoteKind.Switch"/>, or <see cref="VoteKind.InForceUnchanged"/> if it is in force already.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="plan"/> is null.</exception>
    /// <exception cref="ArgumentException">The plan is older than what this rank holds, or of another shape: it is not what
    /// <see cref="LowestHolder"/> holds.</exception>
    /// <exception cref="InvalidOperationException">No resolution is under way.</exception>
    public VoteResult AdoptInBand(JobPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Require(State.Resolving);
        if (plan.Epoch < Held.Epoch || !MayFollow(plan))
        {
            throw new ArgumentException(
                $"{plan} can't follow {InForce} where {Held.Epoch} is held.",
                nameof(plan));
        }

        var kind = plan.Epoch == InForce.Epoch ? VoteKind.InForceUnchanged : VoteKind.Switch;
        _splitVotes = 0;
        Held = plan;
        InForce = plan;
        return EndVote(kind);
    }

    private VoteResult EndVote(VoteKind kind)
    {
        _state = State.Idle;
        if (_waiting is { } waiting)
        {
            _waiting = null;
            Offer(waiting);
        }

        return new VoteResult(kind, InForce, _splitVotes);
    }

    /// <summary>Of the same job, and for the present membership or the next.</summary>
    private bool MayFollow(JobPlan plan) => plan.Slots == InForce.Slots && plan.Total == InForce.Total
        && (plan.Generation == InForce.Generation
            ? plan.MemberSlots.SequenceEqual(InForce.MemberSlots)
            : plan.Generation.Value == InForce.Generation.Value + 1);

    private void Require(State state)
    {
        if (_state != state)
        {
            throw new InvalidOperationException($"The voter is {_state}, the call needs it {state}: begin a vote, apply its outcome, "
                + "and adopt a plan only where that outcome asked for it.");
        }
    }
}
