using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class ReplicaRebalanceTests
{
    private static readonly RankCosts Good = new()
    {
        Replicas = 2,
        ReplicaOfRank = new[] { 0, 1, 0, 1 },
        SecondsPerUnit = new[] { 0.1, 0.2, 0.3, 0.1 },
        FixedSeconds = new[] { 0.0, 0.01, 0.02, 0.0 },
        Highest = new[] { 9, 5, 7, 8 },
    };

    [Fact]
    public void Join_SeveralRanksAReplica_TakesTheSlowestAndTheSmallest()
    {
        ReplicaCosts.Known known = Known(Good);

        known.SecondsPerUnit.Should().Equal(0.3, 0.2);
        known.FixedSeconds.Should().Equal(0.02, 0.01);
        known.Highest.Should().Equal(7, 5);
        known.RanksOnPrior.Should().BeEmpty();
    }

    [Fact]
    public void Join_ARankWithoutASample_TakesItsPrior()
    {
        ReplicaCosts.Known known = Known(Good with
        {
            SecondsPerUnit = new[] { 0.1, double.NaN, double.NaN, 0.1 },
            PriorSecondsPerUnit = new[] { 9, 0.15, 0.05, 9 },
        });

        known.SecondsPerUnit.Should().Equal(0.1, 0.15);
        known.RanksOnPrior.Should().Equal(new Rank(1), new Rank(2));
        known.Reason.Should().Contain("rank 1");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Join_NeitherSampleNorPrior_IsUnknownAndNamesTheRank(bool priors)
    {
        var unknown = ReplicaRebalance.Join(Good with
        {
            SecondsPerUnit = new[] { 0.1, 0.2, double.NaN, double.NaN },
            PriorSecondsPerUnit = priors ? new[] { 0.1, 0.1, double.NaN, 0.1 } : [],
        }).Should().BeOfType<ReplicaCosts.Unknown>().Subject;

        unknown.Ranks.Should().Equal(priors ? [new Rank(2)] : [new Rank(2), new Rank(3)]);
        unknown.Reason.Should().Contain("rank 2 (replica 0)");
    }

    [Fact]
    public void ProblemOf_Replicas_SolvesToSharesAReplicaWithinTheCaps()
    {
        RebalanceProblem problem = ReplicaRebalance.ProblemOf(Known(Good), new[] { 5, 5 }, 10);
        RebalanceOutcome.Solved solved = RebalanceOracles.Solve(problem);

        solved.MicroBatches.Should().Equal(5, 5);
        solved.StepSeconds.Should().BeApproximately(0.02 + (5 * 0.3), 1e-12);

        // Without the cap of rank 1 replica 1 takes six.
        RebalanceOracles.Solve(ReplicaRebalance.ProblemOf(Known(Good with { Highest = default }), new[] { 5, 5 }, 10))
            .MicroBatches.Should().Equal(4, 6);
    }

    [Fact]
    public void ProblemOf_FewUnitsOrNoMemory_AsksNobodyForMoreThanCanBe()
    {
        ReplicaCosts.Known known = Known(Good with { Highest = new[] { 9, 0, 9, 9 } });

        ReplicaRebalance.ProblemOf(known, new[] { 4, 4 }, 8).Lowest.ToArray().Should().Equal(1, 0);
        ReplicaRebalance.ProblemOf(known, new[] { 1, 0 }, 1).Lowest.ToArray().Should().Equal(0, 0);
    }

    [Fact]
    public void JoinFrame_SlowestCountsAndAGapIsAGap_AllocatingNothing()
    {
        double[] frame = [0.1, 0.2, 0.3, double.NaN, 0.5];
        int[] replicas = [0, 1, 0, 1, 2];
        var joined = new double[4];
        ReplicaRebalance.JoinFrame(frame, replicas, joined);

        long before = GC.GetAllocatedBytesForCurrentThread();
        ReplicaRebalance.JoinFrame(frame, replicas, joined);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        joined.Should().Equal(0.3, double.NaN, 0.5, double.NaN);
        allocated.Should().Be(0);
    }

    [Fact]
    public void Join_BadArguments_Throw()
    {
        Throws(Good with { Replicas = 0 });
        Throws(Good with { Replicas = 3 });
        Throws(Good with { ReplicaOfRank = new[] { 0, 1, 2, 1 } });
        Throws(Good with { ReplicaOfRank = new[] { 0, 1, 0 } });
        Throws(Good with { SecondsPerUnit = new[] { 0.1, 0, 0.1, 0.1 } });
        Throws(Good with { SecondsPerUnit = new[] { 0.1, double.PositiveInfinity, 0.1, 0.1 } });
        Throws(Good with { PriorSecondsPerUnit = new[] { 0.1, -1, 0.1, 0.1 } });
        Throws(Good with { FixedSeconds = new[] { 0, double.NaN, 0, 0 } });
        Throws(Good with { Highest = new[] { 1, 1, -1, 1 } });
        FluentActions.Invoking(() => ReplicaRebalance.ProblemOf(Known(Good), new int[3], 3)).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => ReplicaRebalance.JoinFrame([1], [0, 0], new double[1])).Should().Throw<ArgumentException>();
        static void Throws(RankCosts ranks) => FluentActions.Invoking(() => ReplicaRebalance.Join(ranks)).Should().Throw<ArgumentException>();
    }

    private static ReplicaCosts.Known Known(RankCosts ranks) =>
        ReplicaRebalance.Join(ranks).Should().BeOfType<ReplicaCosts.Known>().Subject;
}
