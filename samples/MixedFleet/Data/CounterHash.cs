using System.Runtime.InteropServices;

namespace MixedFleet.Data;

/// <summary>
/// Random numbers without a state: the n-th number of a key is computed from the key alone, so whoever asks gets the same answer.
/// </summary>
/// <remarks>
/// The mixing function of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014), applied once per
/// part of the key.
/// </remarks>
internal static class CounterHash
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;

    /// <summary>Folds one more part into a key. The order of the parts matters.</summary>
    public static ulong Combine(ulong key, ulong part) => Mix(key + GoldenGamma + Mix(part + GoldenGamma));

    /// <summary>Maps 64 random bits to −1 ≤ result &lt; 1, in steps of 2⁻⁵².</summary>
    public static double Symmetric(ulong hash) => ((hash >> 11) * (1.0 / (1L << 52))) - 1.0;

    /// <summary>Maps 64 random bits to 0 ≤ result &lt; 1, in steps of 2⁻⁵³.</summary>
    public static double Unit(ulong hash) => (hash >> 11) * (1.0 / (1L << 53));

    /// <summary>A 64-bit hash of the bits of a vector; any flipped bit, −0 against 0 included, changes it.</summary>
    /// <typeparam name="T">Any type without references.</typeparam>
    public static ulong OfBits<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values);
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        ulong hash = Mix((ulong)bytes.Length + GoldenGamma);
        foreach (ulong word in words)
        {
            // All bits are mixed each round: with less, a flipped sign here would cancel another flipped bit in the next word.
            hash = Mix((hash ^ word) + GoldenGamma);
        }

        foreach (byte rest in bytes[(words.Length * sizeof(ulong))..])
        {
            hash = Mix((hash ^ rest) + GoldenGamma);
        }

        return Mix(hash);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
