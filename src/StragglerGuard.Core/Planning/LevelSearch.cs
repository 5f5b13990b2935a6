using System.Runtime.CompilerServices;

namespace StragglerGuard.Core.Planning;

/// <summary>
/// Fills a box of integers low_i ≤ m_i ≤ high_i to a given sum so that the highest of a_i + m_i·t_i among the raised is least.
/// </summary>
/// <remarks>
/// Parametric search on the level T: count(T) = Σ clamp(#{m : a_i + m·t_i ≤ T}, low_i, high_i) never falls as T rises, so the least
/// level that holds the total is found by bracketing. Every probe moves an end of the bracket onto a cost that some deal really
/// has, so the search ends on the exact double rather than near it. The result equals handing units out one by one, each to the
/// receiver that would finish first, the lowest index first among equals.
/// </remarks>
internal static class LevelSearch
{
    // A job plans seldom: the loops over all receivers are compiled for speed at once, not after they have run long enough.

    /// <summary>Newton on a piecewise linear function settles in a handful of passes; this only bounds the worst case.</summary>
    private const int ContinuousPassesMax = 128;

    /// <summary>
    /// The least T at which Σ clamp((T − a_i)/t_i, low_i, high_i) reaches the total, to rounding. Needs Σlow ≤ total ≤ Σhigh.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static double ContinuousLevel(
        ReadOnlySpan<double> a, ReadOnlySpan<double> t, ReadOnlySpan<int> low, ReadOnlySpan<int> high, long total)
    {
        double lower = double.PositiveInfinity, upper = 0, inverse = 0, offset = 0;
        for (var i = 0; i < a.Length; i++)
        {
            lower = Math.Min(lower, a[i] + (low[i] * t[i]));
            upper = Math.Max(upper, a[i] + (high[i] * t[i]));
            inverse += 1 / t[i];
            offset += a[i] / t[i];
        }

        var level = (total + offset) / inverse;
        for (var pass = 0; pass < ContinuousPassesMax; pass++)
        {
            // Also catches NaN and infinities out of denormal costs.
            if (!(level > lower && level < upper))
            {
                level = lower + ((upper - lower) / 2);
                if (!(level > lower && level < upper))
                {
                    return upper;
                }
            }

            double sum = 0, slope = 0;
            for (var i = 0; i < a.Length; i++)
            {
                var units = (level - a[i]) / t[i];
                if (units <= low[i])
                {
                    sum += low[i];
                }
                else if (units >= high[i])
                {
                    sum += high[i];
                }
                else
                {
                    sum += units;
                    slope += 1 / t[i];
                }
            }

            var missing = total - sum;
            if (Math.Abs(missing) <= 1e-12 * Math.Max(1, total))
            {
                return level;
            }

            if (missing > 0)
            {
                lower = level;
            }
            else
            {
                upper = level;
            }

            var next = level + (missing / slope);
            if (next == level)
            {
                return level;
            }

            level = next;
        }

        return level;
    }

    /// <summary>Fills the box. Needs Σlow ≤ total ≤ Σhigh, a ≥ 0, t &gt; 0 and every a + high·t finite.</summary>
    /// <param name="a">Fixed cost a receiver.</param>
    /// <param name="t">Cost a unit.</param>
    /// <param name="low">Where filling starts.</param>
    /// <param name="high">Where it ends.</param>
    /// <param name="total">The sum to reach.</param>
    /// <param name="continuous">The box's <see cref="ContinuousLevel"/>: where to look first; any number is correct.</param>
    /// <param name="deal">Gets the deal.</param>
    internal static void Fill(
        ReadOnlySpan<double> a,
        ReadOnlySpan<double> t,
        ReadOnlySpan<int> low,
        ReadOnlySpan<int> high,
        long total,
        double continuous,
        Span<int> deal)
    {
        long sumBelow = 0, sumAbove = 0;
        double slowest = 0, above = 0;
        for (var i = 0; i < a.Length; i++)
        {
            sumBelow += low[i];
            sumAbove += high[i];
            if (high[i] > low[i])
            {
                slowest = Math.Max(slowest, t[i]);
                above = Math.Max(above, a[i] + (high[i] * t[i]));
            }
        }

        if (sumBelow == total)
        {
            low.CopyTo(deal);
            return;
        }

        // The sought level lies in [floor, above]; sumBelow is the count just under floor, sumAbove the count at above.
        double floor = 0;
        for (var probe = 0; floor < above; probe++)
        {
            var level = probe switch
            {
                0 => continuous,
                1 => continuous + slowest,
                _ when probe % 2 == 0 => floor + ((above - floor) * ((double)(total - sumBelow) / (sumAbove - sumBelow))),
                _ => Midpoint(floor, above),
            };
            level = Math.Min(Math.Max(level, floor), double.BitDecrement(above));

            var (sum, reached, next) = Probe(a, t, low, high, level);
            if (sum >= total)
            {
                (above, sumAbove) = (reached, sum);
            }
            else
            {
                (floor, sumBelow) = (next, sum);
            }
        }

        HandOut(a, t, low, high, total, above, deal);
    }

    /// <summary>The most units in [low, high] that receiver (a, t) finishes by <paramref name="level"/>; low where none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int CountAt(double level, double a, double t, int low, int high)
    {
        var quotient = (level - a) / t;
        var units = quotient >= high ? high : quotient <= low ? low : (int)quotient;

        // The quotient is rounded; what counts is a + m·t as everybody evaluates it.
        if (units < high && a + ((units + 1) * t) <= level)
        {
            units++;
            if (units < high && a + ((units + 1) * t) <= level)
            {
                units = LargestWithin(level, a, t, units, high);
            }
        }
        else if (units > low && a + (units * t) > level)
        {
            units--;
            if (units > low && a + (units * t) > level)
            {
                units = LargestWithin(level, a, t, low, units);
            }
        }

        return units;
    }

    /// <summary>Bisection for fixed costs so large beside t that neighbouring counts round to the same cost.</summary>
    private static int LargestWithin(double level, double a, double t, int low, int high)
    {
        while (low < high)
        {
            var middle = low + (int)(((long)high - low + 1) / 2);
            if (a + (middle * t) <= level)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return low;
    }

    /// <summary>Halves the number of doubles between two that are not negative, so that the search ends after 64 such probes.</summary>
    private static double Midpoint(double low, double high)
    {
        var from = BitConverter.DoubleToInt64Bits(low);
        var to = BitConverter.DoubleToInt64Bits(high);
        return BitConverter.Int64BitsToDouble(from + ((to - from) / 2));
    }

    /// <summary>The count at a level, the highest cost that it reaches above low, and the cost of the next unit beyond it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (long Sum, double Reached, double Next) Probe(
        ReadOnlySpan<double> a, ReadOnlySpan<double> t, ReadOnlySpan<int> low, ReadOnlySpan<int> high, double level)
    {
        long sum = 0;
        double reached = 0, next = double.PositiveInfinity;
        for (var i = 0; i < a.Length; i++)
        {
            var units = CountAt(level, a[i], t[i], low[i], high[i]);
            sum += units;
            if (units > low[i])
            {
                reached = Math.Max(reached, a[i] + (units * t[i]));
            }

            if (units < high[i])
            {
                next = Math.Min(next, a[i] + ((units + 1) * t[i]));
            }
        }

        return (sum, reached, next);
    }

    /// <summary>Deals up to the level, then takes back what is too much from units that end exactly there, highest index first.</summary>
    private static void HandOut(
        ReadOnlySpan<double> a,
        ReadOnlySpan<double> t,
        ReadOnlySpan<int> low,
        ReadOnlySpan<int> high,
        long total,
        double level,
        Span<int> deal)
    {
        var surplus = -total;
        for (var i = 0; i < a.Length; i++)
        {
            deal[i] = CountAt(level, a[i], t[i], low[i], high[i]);
            surplus += deal[i];
        }

        var under = double.BitDecrement(level);
        for (var i = a.Length - 1; surplus > 0; i--)
        {
            var atLevel = deal[i] - CountAt(under, a[i], t[i], low[i], deal[i]);
            var back = (int)Math.Min(surplus, atLevel);
            deal[i] -= back;
            surplus -= back;
        }
    }
}
