namespace StragglerGuard.Traces;

/// <summary>Counts bad records and names the first few, so that a file of nonsense can't fill the memory.</summary>
internal sealed class FaultLog
{
    private readonly List<string> _first = [];
    private long _count;

    public void Add(string path, long line, string what)
    {
        if (_count++ < TraceFaults.ListedMax)
        {
            _first.Add(FormattableString.Invariant($"{path}:{line}: {what}"));
        }
    }

    public void Add(string path, string what)
    {
        if (_count++ < TraceFaults.ListedMax)
        {
            _first.Add($"{path}: {what}");
        }
    }

    public void AddUnnamed(long count) => _count += count;

    public TraceFaults ToFaults() => _count == 0 ? TraceFaults.None : new TraceFaults(_count, [.. _first]);
}
