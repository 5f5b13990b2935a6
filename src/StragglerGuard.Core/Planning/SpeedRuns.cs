namespace StragglerGuard.Core.Planning;

/// <summary>Members in order of speed, the fastest first, and where equals begin and end. Position j is before the j-th member.</summary>
internal sealed class SpeedRuns
{
    public SpeedRuns(ReadOnlySpan<double> unitsPerSecond, ReadOnlySpan<int> currentPool, int pools)
    {
        int n = unitsPerSecond.Length;
        Member = new int[n];
        Speed = new double[n];
        var descending = new double[n];
        for (int i = 0; i < n; i++)
        {
            Member[i] = i;
            descending[i] = -unitsPerSecond[i];
        }

        Array.Sort(descending, Member);
        RunOf = new int[n];
        var starts = new List<int>();
        for (int at = 0; at < n; at++)
        {
            Speed[at] = -descending[at];
            if (at == 0 || Speed[at] != Speed[at - 1])
            {
                starts.Add(at);
            }

            RunOf[at] = starts.Count - 1;
        }

        starts.Add(n);
        Start = [.. starts];
        Count = new int[pools][];
        Before = new int[pools][];
        for (int pool = 0; pool < pools; pool++)
        {
            Count[pool] = new int[Runs];
            Before[pool] = new int[Runs + 1];
        }

        for (int at = 0; at < n && !currentPool.IsEmpty; at++)
        {
            int pool = currentPool[Member[at]];
            if (pool >= 0)
            {
                Count[pool][RunOf[at]]++;
            }
        }

        for (int pool = 0; pool < pools; pool++)
        {
            for (int run = 0; run < Runs; run++)
            {
                Before[pool][run + 1] = Before[pool][run] + Count[pool][run];
            }
        }
    }

    /// <summary>Runs of equal speed.</summary>
    public int Runs => Start.Length - 1;

    /// <summary>By place: the member, an index of the problem.</summary>
    public int[] Member { get; }

    /// <summary>By place: its speed, never rising.</summary>
    public double[] Speed { get; }

    /// <summary>By place: the run that it is in.</summary>
    public int[] RunOf { get; }

    /// <summary>By run: its first place; one entry more, the number of members.</summary>
    public int[] Start { get; }

    /// <summary>By pool and run: members of the run that are in the pool now.</summary>
    public int[][] Count { get; }

    /// <summary>By pool and run: members of faster runs that are in the pool now; one entry more, of all runs.</summary>
    public int[][] Before { get; }
}
