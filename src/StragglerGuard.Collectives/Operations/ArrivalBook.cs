using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Operations;

/// <summary>The root's record of who has come to the end of the step that is being waited for.</summary>
/// <param name="worldSize">Ranks.</param>
/// <param name="firstSequence">The first step that may be awaited: words of earlier ones may still be under way.</param>
internal sealed class ArrivalBook(int worldSize, long firstSequence)
{
    private readonly long[] _sequences = Create(worldSize);
    private long _closed = firstSequence - 1;

    /// <summary>The step that somebody has come to and that is not closed; −1 when there is none.</summary>
    public long Awaited { get; private set; } = -1;

    /// <summary>How many have come to it.</summary>
    public int Count { get; private set; }

    /// <summary>When the last of them came: ns, monotonic clock.</summary>
    public long LastArrivalNs { get; private set; }

    /// <summary>Notes an arrival. One at a step that is closed comes too late and is forgotten.</summary>
    public void Note(Rank rank, long sequence, long nowNs)
    {
        if (sequence <= _closed || _sequences[rank.Value] == sequence)
        {
            return;
        }

        // Ranks are in one step at a time: who comes to a later one than the others makes a mistake that the reduction will find.
        if (sequence > Awaited)
        {
            Awaited = sequence;
            Count = 0;
        }

        _sequences[rank.Value] = sequence;
        Count += sequence == Awaited ? 1 : 0;
        LastArrivalNs = nowNs;
    }

    /// <summary>Whether a rank has come to a step.</summary>
    public bool HasArrived(Rank rank, long sequence) => _sequences[rank.Value] == sequence;

    /// <summary>Who has not come to the awaited step.</summary>
    public List<Rank> FindLate() =>
        [.. Enumerable.Range(0, _sequences.Length).Where(r => _sequences[r] != Awaited).Select(r => new Rank(r))];

    /// <summary>The cut-off of a step has passed.</summary>
    public void Close(long sequence)
    {
        _closed = sequence;
        Awaited = -1;
        Count = 0;
    }

    private static long[] Create(int worldSize)
    {
        var sequences = new long[worldSize];
        Array.Fill(sequences, -1);
        return sequences;
    }
}
