using StragglerGuard.Core;

namespace StragglerGuard.Guardian;

/// <summary>Which replica of its generation each rank belongs to. In a purely data-parallel job every rank is a replica of its own.</summary>
/// <remarks>A replica is as slow as its slowest rank, may get as little as its most modest one, and all of its ranks compute the same share.</remarks>
internal sealed class ReplicaNumbers(int ranks)
{
    private const int Unknown = -1;

    private readonly int[] _numberOf = [.. Enumerable.Repeat(Unknown, ranks)];
    private int _inOrder;

    /// <summary>Whether every rank is a replica of its own, in the same order.</summary>
    public bool IsIdentity => _inOrder == ranks;

    public int this[int rank] => _numberOf[rank];

    /// <summary>Says where a rank belongs.</summary>
    public void Set(int rank, int number)
    {
        _inOrder += (number == rank ? 1 : 0) - (_numberOf[rank] == rank ? 1 : 0);
        _numberOf[rank] = number;
    }

    /// <summary>What each replica did, from what its ranks did; null where ranks of one replica did not do the same.</summary>
    public int[]? SharesOf(ReadOnlySpan<int> workUnits, int members)
    {
        int[] shares = new int[members];
        Array.Fill(shares, Unknown);
        for (int rank = 0; rank < workUnits.Length; rank++)
        {
            if (_numberOf[rank] is var number && ((uint)number >= (uint)members
                || (shares[number] != Unknown && shares[number] != workUnits[rank])))
            {
                return null;
            }

            shares[number] = workUnits[rank];
        }

        return shares.Contains(Unknown) ? null : shares;
    }

    /// <summary>The largest value of each replica's ranks; NaN where that of any is.</summary>
    public void Largest(ReadOnlySpan<double> ofRanks, Span<double> ofMembers)
    {
        ofMembers.Fill(double.NegativeInfinity);
        for (int rank = 0; rank < ofRanks.Length; rank++)
        {
            ref double largest = ref ofMembers[_numberOf[rank]];
            largest = double.IsNaN(largest) || double.IsNaN(ofRanks[rank]) ? double.NaN : Math.Max(largest, ofRanks[rank]);
        }
    }

    /// <summary>The replicas of some ranks, each once, ascending.</summary>
    public Rank[] Of(ReadOnlySpan<Rank> ranks)
    {
        var numbers = new SortedSet<int>();
        foreach (Rank rank in ranks)
        {
            numbers.Add(_numberOf[rank.Value]);
        }

        return [.. numbers.Select(number => new Rank(number))];
    }
}
