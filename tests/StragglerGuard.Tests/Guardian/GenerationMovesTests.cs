using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian;

public sealed class GenerationMovesTests
{
    private static readonly JobId Job = new("job");
    private static readonly WorkerId Slow = new(new NodeId("n3"), "GPU-3");
    private static readonly WorkerId Back = new(new NodeId("n1"), "GPU-1");

    private readonly MitigationBook _book = new(new MitigationOptions());
    private long _sequence = 100;

    [Fact]
    public void Generation_ThatAPlanBegan_PutsDownWhoLeftWhoCameBackAndThePlan()
    {
        Apply(new WorkerEvicted(Job, new Generation(0), 7, Back, 1, "H100", "earlier"));

        IReadOnlyList<LedgerDecision> due = GenerationMoves.Of(Begun(), _book);

        due.Should().Equal(
            new WorkerReadmitted(Job, new Generation(1), 40, Back, 1, "H100", "why"),
            new WorkerEvicted(Job, new Generation(1), 40, Slow, 3, "H100 at 0.4", "why"),
            new PlanInForce(Job, new Generation(2), 40, new PlanEpoch(12), "generation 2 has begun under it"));
    }

    /// <summary>Whoever dies between two of the entries leaves the rest to its successor, which knows nothing but the ledger.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Guardian_KilledAfterAnyOfTheEntries_LeavesTheRestToTheNext(int written)
    {
        Apply(new WorkerEvicted(Job, new Generation(0), 7, Back, 1, "H100", "earlier"));
        IReadOnlyList<LedgerDecision> all = GenerationMoves.Of(Begun(), _book);
        foreach (LedgerDecision entry in all.Take(written))
        {
            Apply(entry);
        }

        GenerationMoves.Of(Begun(), _book).Should().Equal(all.Skip(written));
    }

    [Fact]
    public void Worker_ThatIsEvictedAgain_IsPutDownAgain()
    {
        Apply(new WorkerEvicted(Job, new Generation(0), 7, Slow, 3, "H100", "earlier, and the job was begun anew with it since"));

        GenerationMoves.Of(Begun(), _book).OfType<WorkerEvicted>().Should().ContainSingle().Which.Step.Should().Be(40);
    }

    [Fact]
    public void Plan_ThatNamesSlotsTheJobHasNot_MovesNobody() =>
        GenerationMoves.Of(Begun() with { Moves = [new WorkerMove(4, Slow, "p"), new WorkerMove(-1, Slow, "p")] }, _book)
            .Should().ContainSingle().Which.Should().BeOfType<PlanInForce>();

    private static PlanDecided Begun() => new(
        Job, new Generation(1), 40, MitigationKind.Evict, new JobPlan(new PlanEpoch(12), new Generation(2), [6, 4, 6, JobPlan.NotMember]), 0.5, 1.5, "why")
    {
        Moves = [new WorkerMove(1, Back, "H100"), new WorkerMove(3, Slow, "H100 at 0.4")],
    };

    private void Apply(LedgerDecision decision) => _book.Apply(new LedgerEntry(_sequence++, DateTimeOffset.UnixEpoch, decision));
}
