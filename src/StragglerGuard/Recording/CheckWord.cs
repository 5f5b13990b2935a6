using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace StragglerGuard.Recording;

/// <summary>
/// The 64-bit check over what two processes share: a reader that finds it equal has read one write, whole, however the machine
/// ordered the stores of a writer that used no fence.
/// </summary>
/// <remarks>
/// Words are taken in pairs; each pair is xored with its own keys, multiplied to 128 bits and folded: Fold(a, b) = high(a·b) xor low(a·b)
/// (the mixer of wyhash, Wang Yi 2019). The pairs don't depend on each other, so a processor overlaps them. Keys are part of the
/// format: clients in other languages hold the same.
/// </remarks>
internal static class CheckWord
{
    /// <summary>Random-looking and fixed: the first fractional bits of √2, √3, √5, √7 (SHA-512 begins with them), the lowest bit set.</summary>
    internal const ulong Key0 = 0x6A09E667F3BCC909;
    internal const ulong Key1 = 0xBB67AE8584CAA73B;
    internal const ulong Key2 = 0x3C6EF372FE94F82B;
    internal const ulong Key3 = 0xA54FF53A5F1D36F1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Fold(ulong a, ulong b)
    {
        var high = Math.BigMul(a, b, out var low);
        return high ^ low;
    }

    /// <summary>The check over a text of any length, chained from <paramref name="seed"/>.</summary>
    /// <remarks>Words are little-endian; the last one is filled up with zero bytes, so the length belongs into the seed.</remarks>
    internal static ulong Over(ulong seed, ReadOnlySpan<byte> text)
    {
        var check = seed;
        var words = MemoryMarshal.Cast<byte, ulong>(text);
        foreach (var word in words)
        {
            check = Fold(check ^ Key0, word ^ Key1);
        }

        var rest = text[(words.Length * sizeof(ulong))..];
        if (!rest.IsEmpty)
        {
            ulong last = 0;
            for (var i = 0; i < rest.Length; i++)
            {
                last |= (ulong)rest[i] << (8 * i);
            }

            check = Fold(check ^ Key0, last ^ Key1);
        }

        return check;
    }
}
