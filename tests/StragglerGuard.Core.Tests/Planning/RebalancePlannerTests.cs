using StragglerGuard.Core.Planning;
using static StragglerGuard.Core.Tests.Planning.RebalanceOracles;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class RebalancePlannerTests
{
    [Fact]
    public void Solve_SmallRandomInstances_EqualsBruteForceInStepTimeAndMoves()
    {
        const int Seed = 7201;
        var random = new Random(Seed);
        var planner = new RebalancePlanner();
        for (var instance = 0; instance < 1000; instance++)
        {
            var problem = Draw(random, receivers: 1 + random.Next(5), total: random.Next(13));
            var expected = BruteForce(problem);
            var because = $"seed {Seed}, instance {instance}";

            var solved = planner.Solve(problem).Should().BeOfType<RebalanceOutcome.Solved>(because).Subject;

            (solved.StepSeconds, solved.Moves).Should().Be(expected!.Value, because);
            StepOf(problem, solved.MicroBatches).Should().Be(solved.StepSeconds, because);
            MovesOf(problem, solved.MicroBatches).Should().Be(solved.Moves, because);
            solved.MicroBatches.Sum().Should().Be(problem.Total, because);
        }
    }

    [Fact]
    public void Solve_MediumInstances_EqualsHandingOutOneByOne()
    {
        const int Seed = 7202;
        var random = new Random(Seed);
        var planner = new RebalancePlanner();
        for (var instance = 0; instance < 60; instance++)
        {
            var problem = Draw(random, receivers: 2 + random.Next(200), total: random.Next(3000));
            var because = $"seed {Seed}, instance {instance}";

            var solved = planner.Solve(problem).Should().BeOfType<RebalanceOutcome.Solved>(because).Subject;

            // A receiver that can't go below its least is the step time, whatever the rest does: the oracle's deal says the same.
            solved.StepSeconds.Should().Be(OneByOne(problem), because);
            solved.FractionalOptimumSeconds.Should().BeLessThanOrEqualTo(solved.StepSeconds, because);
        }
    }

    [Fact]
    public void Solve_MixedFleet_FindsTheKnownOptimumAndWhatTheIntegersCost()
    {
        var solved = Solve(Unbounded([0.020, 0.020, 0.016, 0.010], [8, 8, 8, 8]));

        solved.MicroBatches.Should().Equal(6, 6, 8, 12);
        solved.StepSeconds.Should().Be(Math.Max(8 * 0.016, 12 * 0.010));
        solved.FractionalOptimumSeconds.Should().BeApproximately(32 / (50 + 50 + 62.5 + 100), 1e-12);
        solved.IntegerCostRatio.Should().BeApproximately(0.128 / (32 / 262.5), 1e-9);
        solved.Moves.Should().Be(4);
        solved.Reason.Should().Contain("4 of 32 units change hands");
    }

    [Fact]
    public void Solve_CurrentDealIsOptimal_MovesNothing()
    {
        var solved = Solve(Unbounded([1, 1, 1], [2, 4, 4]));

        solved.MicroBatches.Should().Equal(2, 4, 4);
        solved.Moves.Should().Be(0);
    }

    [Fact]
    public void Solve_EqualOptima_GiveToTheFirstFinisherAndThenTheLowestIndex()
    {
        // Receiver 3 is slow and must give two units up; the others are equal, and each may take them.
        var solved = Solve(Unbounded([1, 1, 1, 2], [4, 4, 4, 4]));

        solved.StepSeconds.Should().Be(5);
        solved.MicroBatches.Should().Equal(5, 5, 4, 2);
    }

    [Fact]
    public void Solve_EqualOptima_TakeFromTheLastFinisherAndThenTheHighestIndex()
    {
        // Receiver 0 must have three units, receiver 3 one less than it has; what is then two too many may come from 1, 2 or 3.
        var problem = Unbounded([0.001, 1, 1, 1], [0, 4, 4, 5]) with { Lowest = new[] { 3, 0, 0, 0 }, Highest = new[] { 3, 4, 4, 4 } };

        var solved = Solve(problem);

        solved.StepSeconds.Should().Be(4);
        solved.MicroBatches.Should().Equal(3, 4, 3, 3);
    }

    [Fact]
    public void Solve_ForcedReceiver_DominatesTheStepAndTheRelaxation()
    {
        var solved = Solve(Unbounded([1, 10], [8, 2]) with { Lowest = new[] { 0, 2 } });

        solved.StepSeconds.Should().Be(20);
        solved.FractionalOptimumSeconds.Should().Be(20);
        solved.IntegerCostRatio.Should().Be(1);
    }

    [Fact]
    public void Solve_ReceiverWithoutWork_StillCostsItsFixedPart()
    {
        var problem = Unbounded([1, 1], [2, 2]) with { FixedSeconds = new[] { 0.0, 100.0 } };

        var solved = Solve(problem);

        solved.MicroBatches.Should().Equal(4, 0);
        solved.StepSeconds.Should().Be(100);
    }

    [Fact]
    public void Solve_FixedCostsThatSwallowUnits_StaysExact()
    {
        // 2^53 + 1 rounds to 2^53: a unit more costs receiver 0 nothing, two cost it two.
        var problem = Unbounded([1, 1e16], [0, 3]) with { FixedSeconds = new[] { 9007199254740992.0, 0 } };

        Solve(problem).StepSeconds.Should().Be(BruteForce(problem)!.Value.Step);
    }

    [Fact]
    public void Solve_CurrentSumDiffersFromTotal_SolvesAndSaysSo()
    {
        var solved = Solve(Unbounded([1, 1], [3, 3]) with { Total = 8 });

        solved.MicroBatches.Should().Equal(4, 4);
        solved.Moves.Should().Be(2);
        solved.Reason.Should().Contain("the current deal holds 6 units, not 8");
    }

    [Fact]
    public void Solve_NothingToDeal_DealsNothing()
    {
        var solved = Solve(Unbounded([1, 2], [0, 0]));

        solved.MicroBatches.Should().Equal(0, 0);
        solved.StepSeconds.Should().Be(0);
        solved.IntegerCostRatio.Should().Be(1);
    }

    [Fact]
    public void Solve_ManyFaults_NamesEveryFieldAndIndex()
    {
        var problem = new RebalanceProblem
        {
            FixedSeconds = new[] { -1, double.NaN, 0, 0 },
            SecondsPerUnit = new[] { 1, 1, 0, double.PositiveInfinity },
            Lowest = new[] { 0, 5, -1, 0 },
            Highest = new[] { 1, 4, 1, 1 },
            Current = new[] { 0, 0, 0, -2 },
            Total = 50,
        };

        var infeasible = new RebalancePlanner().Solve(problem).Should().BeOfType<RebalanceOutcome.Infeasible>().Subject;

        infeasible.Faults.Should().HaveCount(8);
        foreach (var part in new[]
        {
            "FixedSeconds[0] = -1", "FixedSeconds[1] = NaN", "SecondsPerUnit[2] = 0", "SecondsPerUnit[3] = Infinity",
            "Lowest[1] = 5 is above Highest[1] = 4", "Lowest[2] = -1", "Current[3] = -2", "the sum of Highest, 7, is below Total = 50",
        })
        {
            infeasible.Reason.Should().Contain(part);
        }
    }

    [Fact]
    public void Solve_InfeasibleSums_GivesTheReason()
    {
        var tooMuch = Unbounded([1, 1], [2, 2]) with { Lowest = new[] { 3, 3 } };
        var negative = Unbounded([1], [0]) with { Total = -1 };
        var beyond = Unbounded([1e308], [4]);
        var nobody = Unbounded([], []);
        var planner = new RebalancePlanner();

        planner.Solve(tooMuch).Reason.Should().Be("the sum of Lowest, 6, is above Total = 4");
        planner.Solve(negative).Reason.Should().Contain("Total = -1 is negative");
        planner.Solve(beyond).Reason.Should().Contain("beyond a double");
        planner.Solve(nobody).Reason.Should().Be("there is no receiver");
    }

    [Fact]
    public void Solve_FaultsBeyondSixteen_AreCounted()
    {
        var problem = Unbounded(Enumerable.Repeat(-1.0, 100).ToArray(), Enumerable.Repeat(1, 100).ToArray());

        var infeasible = new RebalancePlanner().Solve(problem).Should().BeOfType<RebalanceOutcome.Infeasible>().Subject;

        infeasible.Faults.Should().HaveCount(17);
        infeasible.Faults[^1].Should().Be("and 84 more");
    }

    [Fact]
    public void Solve_ListsOfDifferentLength_Throws()
    {
        var problem = Unbounded([1, 1], [1, 1]) with { Highest = new[] { 1 } };

        FluentActions.Invoking(() => new RebalancePlanner().Solve(problem)).Should().Throw<ArgumentException>().WithMessage("*1 Highest*");
    }

    [Fact]
    public void Solve_AgainWithOneInstance_AllocatesTheOutcomeOnly()
    {
        const int Receivers = 20_000;
        var random = new Random(7203);
        var problem = Unbounded(
            Enumerable.Range(0, Receivers).Select(_ => 0.01 + (0.02 * random.NextDouble())).ToArray(),
            Enumerable.Repeat(16, Receivers).ToArray());
        var planner = new RebalancePlanner();
        planner.Solve(problem);

        var before = GC.GetAllocatedBytesForCurrentThread();
        planner.Solve(problem);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        allocated.Should().BeLessThan((Receivers * sizeof(int)) + 4096);
    }

    [Theory]
    [InlineData(10, 4, new[] { 3, 3, 2, 2 })]
    [InlineData(8, 4, new[] { 2, 2, 2, 2 })]
    [InlineData(2, 3, new[] { 1, 1, 0 })]
    [InlineData(0, 2, new[] { 0, 0 })]
    public void EvenDeal_AnyTotal_GivesTheFirstRanksOneMore(int total, int ranks, int[] expected)
        => EvenDeal.Of(total, ranks).Should().Equal(expected);

    [Fact]
    public void EvenDeal_NoRanksOrNegativeTotal_Throws()
    {
        FluentActions.Invoking(() => EvenDeal.Of(1, 0)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => EvenDeal.Of(-1, 1)).Should().Throw<ArgumentOutOfRangeException>();
    }
}
