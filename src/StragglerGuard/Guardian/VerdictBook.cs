using StragglerGuard.Core;
using StragglerGuard.Core.Detection;

namespace StragglerGuard.Guardian;

/// <summary>The verdicts of a generation: those that stand, and those that were.</summary>
internal sealed class VerdictBook(int ranks)
{
    private const int VerdictsKept = 256;

    private readonly Verdict?[] _standing = new Verdict?[ranks];
    private readonly List<Verdict> _raised = [];

    /// <summary>Ranks with a standing verdict.</summary>
    public ReadOnlyMemory<Rank> Flagged { get; private set; }

    /// <summary>All verdicts, oldest first; the last 256.</summary>
    public IReadOnlyList<Verdict> Raised => [.. _raised];

    public Verdict? Standing(int rank) => _standing[rank];

    public void Raise(Verdict verdict)
    {
        if (verdict is { AccusesRank: true, Rank: Rank rank })
        {
            _standing[rank.Value] = verdict;
        }

        if (_raised.Count == VerdictsKept)
        {
            _raised.RemoveAt(0);
        }

        _raised.Add(verdict);
        CollectFlagged();
    }

    public void Clear(Rank rank)
    {
        _standing[rank.Value] = null;
        CollectFlagged();
    }

    private void CollectFlagged() => Flagged = _standing
        .Where(verdict => verdict is not null).Select(verdict => verdict!.Rank!.Value).ToArray();
}
