using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Agent;

/// <summary>Ranks with real collectives switch to a plan at one step, however it reached them.</summary>
public sealed class PlanSwitchTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void Plan_DeliveredToAllRanksOneStepApart_IsInForceFromOneStepOn(int worldSize)
    {
        using var job = new GuardedRanks(worldSize);
        OfferedPlan plan = Plan(epoch: 3, worldSize);

        var taken = job.Run(20, (rank, step) =>
        {
            if (step == 4 + rank)
            {
                job.Fabrics[rank].Deliver(plan);
            }
        });

        // The last rank copies at step 3 + n, all vote for it there, and the next step is the first under it.
        ShouldSwitchTogether(taken, plan.Plan.Deal, firstStep: 4 + worldSize);
        job.Guards.Should().OnlyContain(guard => guard.SplitVotes == worldSize - 1);
        job.Guards.Should().OnlyContain(guard => guard.RefusedOffers == 0);
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(3, 0)]
    [InlineData(5, 3)]
    public void Plan_DeliveredToOneRankOnly_IsInForceEverywhereAfterEightSplitVotes(int worldSize, int receiver)
    {
        using var job = new GuardedRanks(worldSize);
        OfferedPlan plan = Plan(epoch: 9, worldSize);

        var taken = job.Run(24, (rank, step) =>
        {
            if (rank == receiver && step == 5)
            {
                job.Fabrics[rank].Deliver(plan);
            }
        });

        ShouldSwitchTogether(taken, plan.Plan.Deal, firstStep: 5 + PlanVoter.SplitVotesMax);
        job.Guards.Should().OnlyContain(guard => guard.SplitVotes == PlanVoter.SplitVotesMax);
    }

    [Fact]
    public void Plans_OneAfterAnother_AreEachInForceOnAllRanks()
    {
        using var job = new GuardedRanks(4);

        var taken = job.Run(60, (rank, step) =>
        {
            // Each new plan reaches another rank alone.
            if (step % 15 == 3 && rank == step / 15)
            {
                job.Fabrics[rank].Deliver(Plan(epoch: 1 + step, 4));
            }
        });

        foreach (var rank in taken)
        {
            rank.Select(step => step.Epoch.Value).Distinct().Should().Equal(0, 4, 19, 34, 49);
        }

        ShouldDealTheWholeBatch(taken);
    }

    /// <summary>Delivery to any ranks at any steps, or never: what one rank does, all do.</summary>
    [Fact]
    public void Plans_UnderRandomDelivery_AreInForceOnAllRanksAtTheSameSteps()
    {
        for (int seed = 1; seed <= 12; seed++)
        {
            var random = new Random(seed);
            int worldSize = 2 + random.Next(4);
            using var job = new GuardedRanks(worldSize);
            int[] first = [.. Enumerable.Range(0, worldSize).Select(_ => random.Next(25))];
            int[] second = [.. Enumerable.Range(0, worldSize).Select(_ => random.Next(30, 60))];

            var taken = job.Run(45, (rank, step) =>
            {
                if (step == first[rank] || step == second[rank])
                {
                    job.Fabrics[rank].Deliver(Plan(epoch: step == first[rank] ? 5 : 6, worldSize));
                }
            });

            foreach (var rank in taken)
            {
                rank.Select(step => (step.Epoch, step.TotalWeight)).Should().Equal(
                    taken[0].Select(step => (step.Epoch, step.TotalWeight)), $"seed {seed}: all ranks go the same way");
            }

            taken[0].Should().Contain(step => step.Epoch.Value >= 5, $"seed {seed}: every rank was given the first plan in time");
            ShouldDealTheWholeBatch(taken);
        }
    }

    [Fact]
    public void Plan_ThatIsNotForThisJob_IsIgnored()
    {
        using var job = new GuardedRanks(3, generation: 2);
        OfferedPlan ours = Plan(epoch: 7, 3) with { Generation = new Generation(2) };
        OfferedPlan[] others =
        [
            ours with { Job = new JobId("another job") },
            ours with { Generation = new Generation(1) },
            ours with { Generation = new Generation(3) },
        ];

        var taken = job.Run(20, (rank, step) =>
        {
            if (step == 2)
            {
                Array.ForEach(others, job.Fabrics[rank].Deliver);
            }
        });

        taken.SelectMany(rank => rank).Should().OnlyContain(step => step.Epoch == PlanEpoch.Initial);
        job.Guards.Should().OnlyContain(guard => guard.SplitVotes == 0 && guard.RefusedOffers == 0);
    }

    public static TheoryData<string, JobPlan> OfAnotherShape => new()
    {
        { "more ranks", new JobPlan(new PlanEpoch(7), default, [5, 5, 5, 5]) },
        { "another batch", new JobPlan(new PlanEpoch(7), default, [7, 7, 7]) },
        { "an epoch that a vote can't tell from the one in force", new JobPlan(new PlanEpoch(256), default, [6, 7, 7]) },
    };

    [Theory]
    [MemberData(nameof(OfAnotherShape))]
    public void Plan_OfAnotherShape_IsRefusedAndCountedAndTheDealStays(string what, JobPlan deal)
    {
        using var job = new GuardedRanks(3);

        var taken = job.Run(20, (rank, step) =>
        {
            if (step == 2 && rank != 1)
            {
                job.Fabrics[rank].Deliver(new OfferedPlan(new JobId("job"), new Generation(0), deal));
            }
        });

        taken.SelectMany(rank => rank).Should().OnlyContain(step => step.Epoch == PlanEpoch.Initial, what);
        job.Guards.Select(guard => guard.RefusedOffers).Should().Equal(1, 0, 1);
        job.Guards.Should().OnlyContain(guard => guard.SplitVotes == 0);
    }

    [Fact]
    public void Plan_ThatIsOlderThanTheOneInForce_ChangesNothing()
    {
        using var job = new GuardedRanks(2);

        var taken = job.Run(30, (rank, step) =>
        {
            if (step is 2 or 10)
            {
                job.Fabrics[rank].Deliver(step == 2 ? Plan(epoch: 8, 2) : new OfferedPlan(
                    new JobId("job"), new Generation(0), new JobPlan(new PlanEpoch(7), default, [1, 19])));
            }
        });

        ShouldSwitchTogether(taken, Plan(epoch: 8, 2).Plan.Deal, firstStep: 3);
    }

    private static OfferedPlan Plan(int epoch, int worldSize)
    {
        int[] counts = EvenDeal.Of(GuardedRanks.MicroBatches, worldSize);
        int moved = 1 + (epoch % 2);
        counts[0] -= moved;
        counts[^1] += moved;
        return new OfferedPlan(new JobId("job"), new Generation(0), new JobPlan(new PlanEpoch(epoch), default, counts));
    }

    private static void ShouldSwitchTogether(
        IReadOnlyList<IReadOnlyList<GuardedRanks.Taken>> taken, MicroBatchDeal plan, int firstStep)
    {
        for (int rank = 0; rank < taken.Count; rank++)
        {
            taken[rank].Take(firstStep).Should().OnlyContain(step => step.Epoch == PlanEpoch.Initial, $"rank {rank} goes on as before");
            taken[rank].Skip(firstStep).Should().OnlyContain(
                step => step.Epoch == plan.Epoch && step.Work.Count == plan.Count(new Rank(rank)),
                $"rank {rank} switches at step {firstStep}");
        }

        ShouldDealTheWholeBatch(taken);
    }

    /// <summary>At every step each micro-batch is some rank's and nobody else's, and every rank is told the same, true weight.</summary>
    private static void ShouldDealTheWholeBatch(IReadOnlyList<IReadOnlyList<GuardedRanks.Taken>> taken)
    {
        for (int step = 0; step < taken[0].Count; step++)
        {
            var ranges = taken.Select(rank => rank[step].Work).ToList();
            ranges.Should().OnlyContain(range => range.Step == step);
            ranges[0].First.Should().Be(0);
            ranges.Zip(ranges.Skip(1)).Should().OnlyContain(pair => pair.First.End == pair.Second.First, $"step {step}");
            ranges[^1].End.Should().Be(GuardedRanks.MicroBatches);
            double total = Enumerable.Range(0, taken.Count).Sum(rank => GuardedRanks.Weight(rank, step));
            taken.Should().OnlyContain(rank => rank[step].TotalWeight == total);
        }
    }
}
