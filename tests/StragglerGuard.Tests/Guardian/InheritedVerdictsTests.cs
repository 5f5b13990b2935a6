using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian;

/// <summary>What a guardian that takes over says of ranks that the one before found slow.</summary>
public sealed class InheritedVerdictsTests
{
    private const int Onset = 60;
    private const int TakenOverAt = 200;

    /// <summary>The recovery falls between two guardians: neither sees it, and the second says so all the same.</summary>
    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(2, 1, false)]
    [InlineData(1, 3, false)]
    public void Straggler_ThatRecoveredDuringATakeover_IsClearedByTheSuccessorIfItHasPeers(double factorAfter, int classes, bool isCleared)
    {
        var ranks = new VirtualRanks(seed: 41, total: 32, [.. Enumerable.Repeat(0.02, classes == 1 ? 8 : 3)])
        {
            FastRank = classes == 1 ? -1 : 2,
            Factor = (rank, step) => rank != 2 || step < Onset ? 1 : step < TakenOverAt ? 2 : factorAfter,
        };
        JudgedJob first = new JudgedJob(ranks, PolicyMode.Observe).RunTo(TakenOverAt);
        first.Decisions.OfType<StragglerFound>().Should().ContainSingle(first.Story());
        JobContext context = JobContext.New(new MitigationOptions());
        foreach (LedgerEntry entry in first.Ledger.Read())
        {
            context.Book.Apply(entry);
        }

        JudgedJob second = new JudgedJob(ranks, PolicyMode.Observe, first.Ledger, context: context).RunTo(TakenOverAt + 6);
        second.Judge.Status().Ranks[2].Verdict!.OnsetStep.Should().BeInRange(Onset - 2, Onset + 2, "nothing speaks for it yet: {0}", second.Story());
        second.RunTo(TakenOverAt + 200);

        second.Decisions.OfType<StragglerFound>().Should().ContainSingle(second.Story());
        second.Decisions.OfType<StragglerCleared>().Should().HaveCount(isCleared ? 1 : 0, second.Story());
        second.Decisions.OfType<StragglerCleared>().Where(cleared => cleared.Rank != new Rank(2) || cleared.Step >= TakenOverAt + 24).Should().BeEmpty();
        (second.Judge.Status().Ranks[2].Verdict is null).Should().Be(isCleared, second.Story());
        context.Book.FindingsIn(default).Last().Should().BeOfType(isCleared ? typeof(StragglerCleared) : typeof(StragglerFound));
    }
}
