using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class PlanVoterTests
{
    private static readonly JobPlan Initial = JobPlan.Even(8, 2);

    [Fact]
    public void Vote_AllHoldTheOffer_SwitchesForTheNextStep()
    {
        var voter = new PlanVoter(Initial);
        var deal = Plan(3);

        voter.Offer(deal).Should().Be(OfferResult.Copied);
        voter.BeginVote().Should().Be(new PlanEpoch(3));
        voter.InForce.Should().BeSameAs(Initial);
        voter.ApplyOutcome(Sums(3, 3)).Should().Be(new VoteResult(VoteKind.Switch, deal, 0));

        voter.InForce.Should().BeSameAs(deal);
        voter.BeginVote();
        voter.ApplyOutcome(Sums(3, 3)).Kind.Should().Be(VoteKind.InForceUnchanged);
    }

    [Fact]
    public void Offer_WhileAVoteIsOutstanding_WaitsAndIsVotedForNext()
    {
        var voter = new PlanVoter(Initial);
        voter.Offer(Plan(3));
        voter.BeginVote();

        voter.Offer(Plan(4)).Should().Be(OfferResult.Waiting);
        voter.Offer(Plan(4)).Should().Be(OfferResult.NotNewer);

        voter.ApplyOutcome(Sums(3, 3)).InForce.Epoch.Should().Be(new PlanEpoch(3));
        voter.Held.Epoch.Should().Be(new PlanEpoch(4));
        voter.BeginVote().Should().Be(new PlanEpoch(4));
    }

    [Fact]
    public void Offer_OldOrForeignOrAmbiguous_IsNotCopied()
    {
        var voter = new PlanVoter(Initial);
        voter.Offer(Plan(3));

        voter.Offer(Plan(3)).Should().Be(OfferResult.NotNewer);
        voter.Offer(Plan(2)).Should().Be(OfferResult.NotNewer);
        voter.Offer(new JobPlan(new PlanEpoch(9), default, [4, 4, 4])).Should().Be(OfferResult.WrongShape);
        voter.Offer(new JobPlan(new PlanEpoch(9), default, [4, 5])).Should().Be(OfferResult.WrongShape);
        voter.Offer(Plan(256)).Should().Be(OfferResult.Ambiguous);
        voter.Held.Epoch.Should().Be(new PlanEpoch(3));
    }

    [Fact]
    public void Offer_OfTheNextGeneration_MayChangeWhoIsIn_OfThisOneNot()
    {
        var voter = new PlanVoter(Initial);

        voter.Offer(new JobPlan(new PlanEpoch(3), new Generation(0), [8, JobPlan.NotMember])).Should().Be(OfferResult.WrongShape);
        voter.Offer(new JobPlan(new PlanEpoch(3), new Generation(2), [8, JobPlan.NotMember])).Should().Be(OfferResult.WrongShape);
        voter.Offer(new JobPlan(new PlanEpoch(3), new Generation(1), [8, JobPlan.NotMember])).Should().Be(OfferResult.Copied);
    }

    [Fact]
    public void Vote_InvalidOrIncompleteSums_IsVoidAndCountsNeitherWay()
    {
        var voter = new PlanVoter(Initial);
        voter.BeginVote();
        voter.ApplyOutcome(Sums(0, 1)).SplitVotes.Should().Be(1);

        voter.BeginVote();
        voter.ApplyOutcome(Ballot.Read([double.NaN, 2, 0, 0], 2)).Should().Be(new VoteResult(VoteKind.Void, Initial, 1));
        voter.BeginVote();
        voter.ApplyOutcome(Ballot.Read([1, 1, 0, 0], 2)).Should().Be(new VoteResult(VoteKind.Void, Initial, 1));
        voter.BeginVote();
        voter.ApplyOutcome(default).Kind.Should().Be(VoteKind.Void);
        voter.BeginVote();
        voter.ApplyOutcome(Sums(7, 7)).Kind.Should().Be(VoteKind.Void, "this rank did not vote for 7");
        voter.InForce.Should().BeSameAs(Initial);
    }

    [Fact]
    public void Vote_EightSplitsInARow_AreResolvedInBand()
    {
        var starved = new PlanVoter(Initial);
        var served = new PlanVoter(Initial);
        var deal = Plan(5);
        served.Offer(deal);
        for (var split = 1; split <= PlanVoter.SplitVotesMax; split++)
        {
            starved.BeginVote();
            served.BeginVote();
            var expected = split < 8 ? VoteKind.Split : VoteKind.ResolveInBand;
            starved.ApplyOutcome(Sums(0, 5)).Should().Be(new VoteResult(expected, Initial, split));
            served.ApplyOutcome(Sums(0, 5)).Should().Be(new VoteResult(expected, Initial, split));
        }

        starved.Offer(deal).Should().Be(OfferResult.Waiting, "what is held is fixed until the resolution is over");
        PlanVoter.LowestHolder([starved.Held.Epoch.Value, served.Held.Epoch.Value]).Should().Be(new Rank(1));

        starved.AdoptInBand(deal).Should().Be(new VoteResult(VoteKind.Switch, deal, 0));
        served.AdoptInBand(served.Held).Should().Be(new VoteResult(VoteKind.Switch, deal, 0));
        starved.Held.Should().BeSameAs(deal);
        starved.BeginVote().Should().Be(new PlanEpoch(5));
    }

    [Fact]
    public void Vote_AgreementBetweenSplits_StartsTheCountAnew()
    {
        var voter = new PlanVoter(Initial);
        voter.BeginVote();
        voter.ApplyOutcome(Sums(0, 5));
        voter.BeginVote();
        voter.ApplyOutcome(Sums(0, 0)).SplitVotes.Should().Be(0);
        voter.BeginVote();
        voter.ApplyOutcome(Sums(0, 5)).SplitVotes.Should().Be(1);
    }

    [Fact]
    public void LowestHolder_OfSeveral_IsTheFirstWithTheNewest()
    {
        PlanVoter.LowestHolder([3, 7, 7, 2]).Should().Be(new Rank(1));
        PlanVoter.LowestHolder([7]).Should().Be(new Rank(0));
        FluentActions.Invoking(() => PlanVoter.LowestHolder([])).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Calls_OutOfOrder_Throw()
    {
        var voter = new PlanVoter(Initial);
        FluentActions.Invoking(() => voter.ApplyOutcome(Sums(0, 0))).Should().Throw<InvalidOperationException>();
        FluentActions.Invoking(() => voter.AdoptInBand(Plan(1))).Should().Throw<InvalidOperationException>();
        voter.BeginVote();
        FluentActions.Invoking(() => voter.BeginVote()).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void AdoptInBand_OlderOrForeignDeal_Throws()
    {
        var voter = new PlanVoter(Initial);
        voter.Offer(Plan(5));
        for (var split = 0; split < PlanVoter.SplitVotesMax; split++)
        {
            voter.BeginVote();
            voter.ApplyOutcome(Sums(0, 5));
        }

        FluentActions.Invoking(() => voter.AdoptInBand(Initial)).Should().Throw<ArgumentException>().WithMessage("*epoch 5 is held*");
        FluentActions.Invoking(() => voter.AdoptInBand(new JobPlan(new PlanEpoch(6), default, [4, 5]))).Should().Throw<ArgumentException>();
        voter.AdoptInBand(Plan(5)).Kind.Should().Be(VoteKind.Switch);
    }

    [Fact]
    public void PlanOffer_WhileOneIsPending_AllowsNoOther()
    {
        var offer = new PlanOffer(PlanEpoch.Initial);
        offer.Offer(new PlanEpoch(2));

        offer.MayOffer(new PlanEpoch(3), out var reason).Should().BeFalse();
        reason.Should().Be("epoch 2 is pending");
        offer.SeenInForce(PlanEpoch.Initial).Should().BeFalse();
        offer.Pending.Should().Be(new PlanEpoch(2));

        offer.SeenInForce(new PlanEpoch(2)).Should().BeTrue();
        offer.Pending.Should().BeNull();
        offer.MayOffer(new PlanEpoch(3), out _).Should().BeTrue();
    }

    [Fact]
    public void PlanOffer_OldOrCongruentEpoch_IsRefusedWithTheReason()
    {
        var offer = new PlanOffer(new PlanEpoch(7));

        offer.MayOffer(new PlanEpoch(7), out var old).Should().BeFalse();
        old.Should().Contain("not newer");
        offer.MayOffer(new PlanEpoch(7 + 512), out var congruent).Should().BeFalse();
        congruent.Should().Contain("modulo 256");
        offer.MayOffer(new PlanEpoch(7 + 513), out _).Should().BeTrue();
        FluentActions.Invoking(() => offer.Offer(new PlanEpoch(7))).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void PlanOffer_TakenOver_KeepsThePendingPlan()
        => new PlanOffer(new PlanEpoch(3), new PlanEpoch(9)).MayOffer(new PlanEpoch(10), out _).Should().BeFalse();

    private static JobPlan Plan(long epoch) => new(new PlanEpoch(epoch), default, [5, 3]);

    private static BallotOutcome Sums(long one, long other)
    {
        double a = Ballot.Residue(new PlanEpoch(one)), b = Ballot.Residue(new PlanEpoch(other));
        return Ballot.Read([2, 2, a + b, (a * a) + (b * b)], 2);
    }
}
