namespace StragglerGuard.Core.Planning;

/// <summary>
/// The guardian's side of the vote: which plan is on its way, and whether another may be offered. One instance a generation of a job.
/// </summary>
/// <remarks>
/// No new epoch is offered while one is pending, that is, offered and not yet seen in force in a timing record; one record of any
/// rank suffices, since all ranks switch at the same step. A pending plan is never withdrawn, only sent again: a rank may have copied
/// it already. A guardian that takes over restores both epochs from the ledger.
/// </remarks>
public sealed class PlanOffer
{
    /// <summary>Starts, or takes over, the offers of a generation.</summary>
    /// <param name="inForce">The newest epoch known to be in force.</param>
    /// <param name="pending">The epoch offered after it and not seen in force, or null.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="pending"/> could not have been offered.</exception>
    public PlanOffer(PlanEpoch inForce, PlanEpoch? pending = null)
    {
        InForce = inForce;
        if (pending is { } epoch)
        {
            Offer(epoch);
        }
    }

    /// <summary>The newest epoch seen in force.</summary>
    public PlanEpoch InForce { get; private set; }

    /// <summary>The epoch that was offered and not yet seen in force, or null.</summary>
    public PlanEpoch? Pending { get; private set; }

    /// <summary>Whether a plan of this epoch may be offered now.</summary>
    /// <param name="epoch">The sequence number that the plan would get.</param>
    /// <param name="reason">Empty, or why not. Where the residues clash, the next sequence number will do.</param>
    public bool MayOffer(PlanEpoch epoch, out string reason)
    {
        reason = Pending is { } pending ? $"{pending} is pending"
            : epoch <= InForce ? $"{epoch} is not newer than {InForce}, which is in force"
            : Ballot.Residue(epoch) == Ballot.Residue(InForce)
                ? $"{epoch} and {InForce}, which is in force, are the same modulo {Ballot.Modulus}: votes could not tell them apart"
            : string.Empty;
        return reason.Length == 0;
    }

    /// <summary>Records that a plan is offered; call it before anyone hears of the plan.</summary>
    /// <param name="epoch">An epoch that <see cref="MayOffer"/> allows.</param>
    /// <exception cref="ArgumentOutOfRangeException"><see cref="MayOffer"/> refuses it.</exception>
    public void Offer(PlanEpoch epoch)
    {
        if (!MayOffer(epoch, out var reason))
        {
            throw new ArgumentOutOfRangeException(nameof(epoch), reason);
        }

        Pending = epoch;
    }

    /// <summary>Takes note of an epoch in force, as a timing record names it.</summary>
    /// <param name="epoch">Late records name older epochs; they change nothing.</param>
    /// <returns>True if this ends the wait for the pending plan.</returns>
    public bool SeenInForce(PlanEpoch epoch)
    {
        if (epoch <= InForce)
        {
            return false;
        }

        InForce = epoch;
        if (Pending is not { } pending || epoch < pending)
        {
            return false;
        }

        Pending = null;
        return true;
    }
}
