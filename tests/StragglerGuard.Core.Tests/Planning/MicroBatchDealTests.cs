using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class MicroBatchDealTests
{
    private static readonly MicroBatchDeal Deal = new(new PlanEpoch(41), [3, 0, 5]);

    [Fact]
    public void Deal_EachRank_KnowsItsMicroBatches()
    {
        Deal.Ranks.Should().Be(3);
        Deal.Total.Should().Be(8);
        new[] { 0, 1, 2 }.Select(r => (Deal.First(new Rank(r)), Deal.End(new Rank(r)), Deal.Count(new Rank(r))))
            .Should().Equal((0, 3, 3), (3, 3, 0), (3, 8, 5));
        Deal.ToString().Should().Be("epoch 41: [3, 0, 5]");
    }

    [Fact]
    public void Deal_CallersArrayChangesLater_StaysAsItWas()
    {
        var counts = new[] { 1, 2 };
        var deal = new MicroBatchDeal(PlanEpoch.Initial, counts);
        counts[0] = 9;

        deal.MicroBatches.ToArray().Should().Equal(1, 2);
    }

    [Fact]
    public void Equals_EpochOrACountDiffers_IsAnother()
    {
        Deal.Should().Be(new MicroBatchDeal(new PlanEpoch(41), [3, 0, 5]));
        Deal.GetHashCode().Should().Be(new MicroBatchDeal(new PlanEpoch(41), [3, 0, 5]).GetHashCode());
        Deal.Should().NotBe(new MicroBatchDeal(new PlanEpoch(42), [3, 0, 5]));
        Deal.Should().NotBe(new MicroBatchDeal(new PlanEpoch(41), [3, 1, 4]));
    }

    [Fact]
    public void Deal_BadArguments_Throws()
    {
        FluentActions.Invoking(() => new MicroBatchDeal(new PlanEpoch(-1), [1])).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new MicroBatchDeal(PlanEpoch.Initial, [])).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new MicroBatchDeal(PlanEpoch.Initial, [1, -1])).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new MicroBatchDeal(PlanEpoch.Initial, [int.MaxValue, 1]))
            .Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => Deal.Count(new Rank(3))).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => Deal.First(new Rank(-1))).Should().Throw<ArgumentOutOfRangeException>();
    }
}
