namespace StragglerGuard.Core.Planning;

/// <summary>
/// The four doubles that every rank adds to one small reduction (a sum over all ranks) per step: <c>[weight, 1, e, e²]</c>.
/// </summary>
/// <remarks>
/// <para>e is the newest plan epoch that the rank has copied, modulo 256. From the sums every rank derives the same answer: Σweight
/// makes the gradient exact however unevenly the work was dealt, the second entry says whether all ranks are in it, and by Cauchy
/// and Schwarz n·Σe² = (Σe)² holds exactly when all n ranks hold the same e. The last three are integers below 2⁵³ for any job of
/// up to 10¹¹ ranks, so their sum in fp64 is exact in every order. A reduction in fp32 is exact up to 258 ranks.</para>
/// <para>Why 256 values do: <see cref="PlanOffer"/> keeps one plan at most between offered and in force, and refuses an epoch that
/// is congruent to the one in force modulo 256; so at any step the ranks hold two epochs at most, and their residues differ.</para>
/// </remarks>
public static class Ballot
{
    /// <summary>Entries of a ballot, doubles.</summary>
    public const int Length = 4;

    /// <summary>Epochs are voted for modulo this.</summary>
    public const int Modulus = 256;

    /// <summary>What of an epoch goes into a ballot.</summary>
    /// <param name="epoch">0 or more.</param>
    /// <returns>0 … 255.</returns>
    public static int Residue(PlanEpoch epoch) => (int)(epoch.Value & (Modulus - 1));

    /// <summary>Writes one rank's ballot.</summary>
    /// <param name="destination"><see cref="Length"/> doubles or more; the first four are overwritten.</param>
    /// <param name="weight">The denominator of the rank's loss this step (samples or tokens): finite, 0 or more.</param>
    /// <param name="epoch">The epoch voted for, from <see cref="PlanVoter.BeginVote"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The weight is negative or not finite, the destination too short.</exception>
    public static void Write(Span<double> destination, double weight, PlanEpoch epoch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, Length, nameof(destination));
        if (!double.IsFinite(weight) || weight < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(weight), weight, "A weight is a finite number of 0 or more.");
        }

        double residue = Residue(epoch);
        destination[0] = weight;
        destination[1] = 1;
        destination[2] = residue;
        destination[3] = residue * residue;
    }

    /// <summary>Reads the sums of all ranks' ballots. Allocates nothing.</summary>
    /// <param name="sums"><see cref="Length"/> doubles or more.</param>
    /// <param name="ranks">How many ranks the job has, 1 or more.</param>
    /// <returns>The outcome; sums that no ballots can have are <see cref="BallotStatus.Invalid"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public static BallotOutcome Read(ReadOnlySpan<double> sums, int ranks)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sums.Length, Length, nameof(sums));
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        if (!double.IsFinite(sums[0]) || sums[0] < 0)
        {
            return BallotOutcome.Invalid(sums, ranks, "the weights");
        }

        if (!TryInteger(sums[1], ranks, out var counted))
        {
            return BallotOutcome.Invalid(sums, ranks, "the count of ranks");
        }

        const long ResidueMax = Modulus - 1;
        if (!TryInteger(sums[2], counted * ResidueMax, out var residues))
        {
            return BallotOutcome.Invalid(sums, ranks, "the epochs");
        }

        // Σe ≤ Σe² ≤ 255·Σe and n·Σe² ≥ (Σe)² hold for whatever integers were added up.
        if (!TryInteger(sums[3], residues * ResidueMax, out var squares)
            || squares < residues
            || (Int128)counted * squares < (Int128)residues * residues)
        {
            return BallotOutcome.Invalid(sums, ranks, "the squares of the epochs");
        }

        if (counted < ranks)
        {
            return BallotOutcome.Of(BallotStatus.Incomplete, sums, ranks, residue: -1);
        }

        if ((Int128)counted * squares != (Int128)residues * residues)
        {
            return BallotOutcome.Of(BallotStatus.Split, sums, ranks, residue: -1);
        }

        return residues % counted == 0
            ? BallotOutcome.Of(BallotStatus.Agreed, sums, ranks, (int)(residues / counted))
            : BallotOutcome.Invalid(sums, ranks, "the squares of the epochs");
    }

    private static bool TryInteger(double value, long largest, out long integer)
    {
        // A NaN fails both comparisons; beyond 2⁵³ a sum may have been rounded.
        if (!(value >= 0 && value <= Math.Min(largest, 1L << 53)) || value != Math.Floor(value))
        {
            integer = 0;
            return false;
        }

        integer = (long)value;
        return true;
    }
}
