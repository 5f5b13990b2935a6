using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace StragglerGuard.Core.WhatIf;

/// <summary>Arithmetic on rows of times, one time a lane.</summary>
internal static class LaneRows
{
    /// <summary>Raises every time to at least its counterpart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RaiseTo(Span<long> times, ReadOnlySpan<long> atLeast)
    {
        Span<Vector<long>> wide = MemoryMarshal.Cast<long, Vector<long>>(times);
        ReadOnlySpan<Vector<long>> wideAtLeast = MemoryMarshal.Cast<long, Vector<long>>(atLeast[..times.Length]);
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = Vector.Max(wide[i], wideAtLeast[i]);
        }

        for (int i = wide.Length * Vector<long>.Count; i < times.Length; i++)
        {
            times[i] = Math.Max(times[i], atLeast[i]);
        }
    }

    /// <summary>sums = times + durations.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(ReadOnlySpan<long> times, ReadOnlySpan<long> durations, Span<long> sums)
    {
        ReadOnlySpan<Vector<long>> wide = MemoryMarshal.Cast<long, Vector<long>>(times);
        ReadOnlySpan<Vector<long>> wideDurations = MemoryMarshal.Cast<long, Vector<long>>(durations[..times.Length]);
        Span<Vector<long>> wideSums = MemoryMarshal.Cast<long, Vector<long>>(sums[..times.Length]);
        for (int i = 0; i < wide.Length; i++)
        {
            wideSums[i] = wide[i] + wideDurations[i];
        }

        for (int i = wide.Length * Vector<long>.Count; i < times.Length; i++)
        {
            sums[i] = times[i] + durations[i];
        }
    }

    /// <summary>Raises every time to the latest of its place in all blocks of <paramref name="blockLength"/>.</summary>
    public static void Level(Span<long> times, int blockLength)
    {
        Span<long> first = times[..blockLength];
        for (int start = blockLength; start < times.Length; start += blockLength)
        {
            RaiseTo(first, times.Slice(start, blockLength));
        }

        for (int start = blockLength; start < times.Length; start += blockLength)
        {
            first.CopyTo(times.Slice(start, blockLength));
        }
    }
}
