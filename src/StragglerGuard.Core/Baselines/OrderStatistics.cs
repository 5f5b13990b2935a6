namespace StragglerGuard.Core.Baselines;

/// <summary>Medians by selection, in place and without allocation. Values must be finite: a NaN has no place in an order.</summary>
/// <remarks>Hoare's quickselect with the median of three as pivot, and insertion sort for short ranges; expected O(n).</remarks>
internal static class OrderStatistics
{
    private const int SortBelow = 12;

    /// <summary>The median; for an even count the mean of the two middle values. Reorders the span.</summary>
    /// <exception cref="ArgumentException">The span is empty.</exception>
    public static double Median(Span<double> values)
    {
        ThrowIfEmpty(values);
        int middle = values.Length / 2;
        double upper = Select(values, middle);
        return (values.Length & 1) == 1 ? upper : 0.5 * (LargestOf(values[..middle]) + upper);
    }

    /// <summary>The median; for an even count the smaller of the two middle values. Reorders the span.</summary>
    /// <exception cref="ArgumentException">The span is empty.</exception>
    public static double LowerMedian(Span<double> values)
    {
        ThrowIfEmpty(values);
        return Select(values, (values.Length - 1) / 2);
    }

    /// <summary>
    /// The value that would stand at <paramref name="index"/> were the span sorted. Afterwards none before it is larger and none behind it is smaller.
    /// </summary>
    public static double Select(Span<double> values, int index)
    {
        int left = 0;
        int right = values.Length - 1;
        while (right - left >= SortBelow)
        {
            double pivot = MedianOfThree(values[left], values[(left + right) >>> 1], values[right]);
            int up = left - 1;
            int down = right + 1;
            while (true)
            {
                do
                {
                    up++;
                }
                while (values[up] < pivot);

                do
                {
                    down--;
                }
                while (values[down] > pivot);

                if (up >= down)
                {
                    break;
                }

                (values[up], values[down]) = (values[down], values[up]);
            }

            if (index <= down)
            {
                right = down;
            }
            else
            {
                left = down + 1;
            }
        }

        InsertionSort(values.Slice(left, right - left + 1));
        return values[index];
    }

    public static double LargestOf(ReadOnlySpan<double> values)
    {
        double largest = values[0];
        foreach (double value in values)
        {
            largest = value > largest ? value : largest;
        }

        return largest;
    }

    public static double SmallestOf(ReadOnlySpan<double> values)
    {
        double smallest = values[0];
        foreach (double value in values)
        {
            smallest = value < smallest ? value : smallest;
        }

        return smallest;
    }

    private static double MedianOfThree(double a, double b, double c) =>
        Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));

    private static void InsertionSort(Span<double> values)
    {
        for (int i = 1; i < values.Length; i++)
        {
            double value = values[i];
            int hole = i;
            while (hole > 0 && values[hole - 1] > value)
            {
                values[hole] = values[hole - 1];
                hole--;
            }

            values[hole] = value;
        }
    }

    private static void ThrowIfEmpty(ReadOnlySpan<double> values)
    {
        if (values.IsEmpty)
        {
            throw new ArgumentException("Nothing has no median.", nameof(values));
        }
    }
}
