using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class BallotTests
{
    [Fact]
    public void Read_AllHoldOneEpoch_AgreesOnItsResidueAndTheWeight()
    {
        var outcome = Ballot.Read(Sum((8, 517), (6, 517), (0, 517)), ranks: 3);

        outcome.Status.Should().Be(BallotStatus.Agreed);
        outcome.Agreed.Should().BeTrue();
        outcome.AgreedResidue.Should().Be(517 % 256);
        outcome.TotalWeight.Should().Be(14);
        outcome.Reason.Should().Be("all 3 ranks hold residue 5");
    }

    [Fact]
    public void Read_AnyPairOfResidues_AgreesExactlyWhereTheyAreEqual()
    {
        for (var one = 0; one < Ballot.Modulus; one++)
        {
            for (var other = 0; other < Ballot.Modulus; other++)
            {
                var sums = Sum((1, one), (1, other), (1, other));
                Ballot.Read(sums, 3).Status.Should().Be(one == other ? BallotStatus.Agreed : BallotStatus.Split, $"{one} and {other}");
            }
        }
    }

    [Fact]
    public void Read_OneOfManyRanksBehind_IsSplitHoweverManyThereAre()
    {
        const int Ranks = 200_000;
        var sums = new double[] { Ranks, Ranks, (255.0 * (Ranks - 1)) + 254, (255.0 * 255 * (Ranks - 1)) + (254 * 254) };

        Ballot.Read(sums, Ranks).Status.Should().Be(BallotStatus.Split);
    }

    [Fact]
    public void Read_SplitWhoseMeanIsAWholeEpoch_IsSplit()
    {
        // The sum alone says "all hold 5"; the squares say otherwise.
        var outcome = Ballot.Read(Sum((1, 4), (1, 6)), 2);

        outcome.Status.Should().Be(BallotStatus.Split);
        outcome.AgreedResidue.Should().Be(-1);
        outcome.Reason.Should().Contain("different epochs");
    }

    [Fact]
    public void Read_RankMissing_IsIncomplete()
    {
        var outcome = Ballot.Read(Sum((1, 4), (1, 4)), 3);

        outcome.Status.Should().Be(BallotStatus.Incomplete);
        outcome.TotalWeight.Should().Be(2);
        outcome.Reason.Should().Be("2 of 3 ranks are in the vote");
    }

    [Theory]
    [InlineData(double.NaN, 2, 6, 18, "weights")]
    [InlineData(double.PositiveInfinity, 2, 6, 18, "weights")]
    [InlineData(-1, 2, 6, 18, "weights")]
    [InlineData(1, double.NaN, 6, 18, "count")]
    [InlineData(1, 1.5, 6, 18, "count")]
    [InlineData(1, 3, 6, 18, "count")]
    [InlineData(1, -1, 6, 18, "count")]
    [InlineData(1, 2, 6.5, 18, "the epochs in")]
    [InlineData(1, 2, 511, 18, "the epochs in")]
    [InlineData(1, 2, double.NaN, 18, "the epochs in")]
    [InlineData(1, 2, 6, 17, "squares")]
    [InlineData(1, 2, 6, 18.25, "squares")]
    [InlineData(1, 2, 6, double.NegativeInfinity, "squares")]
    [InlineData(1, 2, 6, 1e300, "squares")]
    [InlineData(1, 2, 1, 0, "squares")]
    public void Read_SumsThatNoBallotsHave_AreInvalidAndSayWhich(double weight, double counted, double epochs, double squares, string named)
    {
        var outcome = Ballot.Read([weight, counted, epochs, squares], ranks: 2);

        outcome.Status.Should().Be(BallotStatus.Invalid);
        outcome.Agreed.Should().BeFalse();
        outcome.Reason.Should().Contain(named);
    }

    [Fact]
    public void Read_EqualityByAFractionOfAnEpoch_IsInvalid()
        => Ballot.Read([1, 4, 2, 1], ranks: 4).Status.Should().Be(BallotStatus.Invalid);

    [Fact]
    public void WriteAndRead_BadArguments_Throw()
    {
        FluentActions.Invoking(() => Ballot.Write(new double[3], 1, default)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => Ballot.Write(new double[4], -1, default)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => Ballot.Write(new double[4], double.NaN, default)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => Ballot.Read(new double[3], 1)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => Ballot.Read(new double[4], 0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void VoteOfOneStep_AfterWarmUp_AllocatesNothing()
    {
        var voter = new PlanVoter(JobPlan.Even(8, 1));
        var sums = new double[Ballot.Length];
        Vote(100);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Vote(1000);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        allocated.Should().Be(0);

        void Vote(int steps)
        {
            for (var step = 0; step < steps; step++)
            {
                Ballot.Write(sums, 8, voter.BeginVote());
                voter.ApplyOutcome(Ballot.Read(sums, 1));
            }
        }
    }

    private static double[] Sum(params (double Weight, long Epoch)[] votes)
    {
        var sums = new double[Ballot.Length];
        Span<double> ballot = stackalloc double[Ballot.Length];
        foreach (var (weight, epoch) in votes)
        {
            Ballot.Write(ballot, weight, new PlanEpoch(epoch));
            for (var i = 0; i < sums.Length; i++)
            {
                sums[i] += ballot[i];
            }
        }

        return sums;
    }
}
