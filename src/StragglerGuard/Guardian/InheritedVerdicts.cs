using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>
/// What another guardian found in a generation that this one begins to judge in its midst: by the ledger, it stands as it would have under that one.
/// </summary>
/// <param name="book">The job's.</param>
/// <param name="generation">The generation.</param>
/// <param name="ranks">Of the generation.</param>
internal sealed class InheritedVerdicts(MitigationBook book, Generation generation, int ranks)
{
    /// <summary>Puts down what was found and what was cleared.</summary>
    public void PutDown(VerdictBook verdicts, ChangeBook changes)
    {
        foreach (LedgerDecision finding in book.FindingsIn(generation))
        {
            switch (finding)
            {
                case StragglerFound { Verdict: { AccusesRank: true } verdict } when IsOfJob(verdict.Rank!.Value):
                    verdicts.Raise(verdict);
                    changes.Onset(verdict);
                    break;
                case StragglerCleared cleared when IsOfJob(cleared.Rank):
                    verdicts.Clear(cleared.Rank);
                    if (cleared is { FromStep: { } from, Slowdown: { } slowdown })
                    {
                        changes.Recovery(cleared.Rank, from, cleared.Step, slowdown);
                    }

                    break;
            }
        }
    }

    /// <summary>Has a detector that has seen no step yet go on with those that stand: it will say when they end.</summary>
    public static void GoOn(VerdictBook verdicts, JobDetector detector)
    {
        foreach (Rank flagged in verdicts.Flagged.Span)
        {
            Verdict standing = verdicts.Standing(flagged.Value)!;
            if (detector.CanTakeOver(standing))
            {
                detector.TakeOver(standing);
            }
        }
    }

    private bool IsOfJob(Rank rank) => (uint)rank.Value < (uint)ranks;
}
