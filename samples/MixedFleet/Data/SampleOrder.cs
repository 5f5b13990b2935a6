using System.Numerics;

namespace MixedFleet.Data;

/// <summary>A random order of the numbers 0 … count − 1 that takes no memory: the number at any place is computed from the key alone.</summary>
/// <remarks>
/// A Feistel network over the smallest even number of bits that holds all numbers (Luby, Rackoff: "How to Construct Pseudorandom
/// Permutations from Pseudorandom Functions", SIAM J. Comput. 17, 1988), which is a bijection whatever its round function is, and
/// cycle walking back into the range (Black, Rogaway: "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, section 3): fewer
/// than four walks on average. Luby and Rackoff's four rounds are too few for halves of a few bits: six are made.
/// </remarks>
internal readonly struct SampleOrder
{
    private const int Rounds = 6;

    private readonly ulong _key;
    private readonly int _count;
    private readonly int _halfBits;

    /// <summary>Chooses an order.</summary>
    /// <param name="key">Another key, another order.</param>
    /// <param name="count">1 or more.</param>
    public SampleOrder(ulong key, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        _key = key;
        _count = count;
        int bits = BitOperations.Log2((uint)count - 1) + 1;
        _halfBits = (bits + 1) / 2;
    }

    /// <summary>The number at a place: each of 0 … count − 1 stands at exactly one. Allocates nothing.</summary>
    /// <param name="place">0 … count − 1.</param>
    public int At(int place)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(place);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(place, _count);
        uint number = (uint)place;
        do
        {
            number = Shuffle(number);
        }
        while (number >= (uint)_count);
        return (int)number;
    }

    private uint Shuffle(uint number)
    {
        uint mask = (1u << _halfBits) - 1;
        uint left = number >> _halfBits;
        uint right = number & mask;
        for (uint round = 0; round < Rounds; round++)
        {
            uint mixed = left ^ ((uint)CounterHash.Combine(_key, ((ulong)round << 32) | right) & mask);
            left = right;
            right = mixed;
        }

        return (left << _halfBits) | right;
    }
}
