namespace StragglerGuard.Core.WhatIf;

/// <summary>Numbers the operations of one type, step and worker by their start, where the trace didn't.</summary>
internal static class SequenceNumbering
{
    public static void FillIn(OperationTrace trace)
    {
        if (!trace.Sequence.AsSpan().Contains(-1))
        {
            return;
        }

        int[] order = new int[trace.Count];
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(order, (a, b) => Compare(trace, a, b));
        for (int i = 0; i < order.Length; i++)
        {
            bool continues = i > 0 && CompareOwner(trace, order[i - 1], order[i]) == 0;
            trace.Sequence[order[i]] = continues ? trace.Sequence[order[i - 1]] + 1 : 0;
        }
    }

    private static int Compare(OperationTrace trace, int a, int b)
    {
        int owner = CompareOwner(trace, a, b);
        if (owner != 0)
        {
            return owner;
        }

        int start = trace.StartNs[a].CompareTo(trace.StartNs[b]);
        return start != 0 ? start : a.CompareTo(b);
    }

    private static int CompareOwner(OperationTrace trace, int a, int b)
    {
        int order = trace.Step[a].CompareTo(trace.Step[b]);
        order = order != 0 ? order : trace.Replica[a].CompareTo(trace.Replica[b]);
        order = order != 0 ? order : trace.Stage[a].CompareTo(trace.Stage[b]);
        order = order != 0 ? order : trace.Rank[a].CompareTo(trace.Rank[b]);
        return order != 0 ? order : trace.Type[a].CompareTo(trace.Type[b]);
    }
}
