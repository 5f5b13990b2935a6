using System.Collections.Immutable;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class PoolPlannerTests
{
    private const int Seed = 91_022;

    [Fact]
    public void Solve_TwoGenerations_PartsThem()
    {
        PoolOutcome.Solved solved = Solve(new PoolProblem
        {
            UnitsPerSecond = new[] { 5.1, 10, 5, 10.2, 10.1, 5.2 },
            PoolsMax = 2,
            MembersMin = 2,
            HorizonSeconds = 3_600,
        });

        solved.Pools.Should().Equal(new SpeedPool(0, 3, 10, 10.2), new SpeedPool(1, 3, 5, 5.2));
        solved.PoolOfMember.Should().Equal(1, 0, 1, 0, 0, 1);
        solved.UnitsPerSecond.Should().BeApproximately(45, 1e-12);
        solved.Reason.Should().Contain("1.500 of one pool");
    }

    [Fact]
    public void Solve_WhereMovingCostsNothing_IsAsGoodAsAnyAssignment()
    {
        var random = new Random(Seed);
        for (int trial = 0; trial < 150; trial++)
        {
            PoolProblem problem = Draw(random, members: 1 + random.Next(8), pools: 1 + random.Next(3)) with { MoveCostUnits = 0 };
            RequireBest(problem, PoolOracle.BestOfAll(problem), trial);
        }
    }

    [Fact]
    public void Solve_WhereMovingCosts_IsTheBestOfAllRangesOrThePresent()
    {
        var random = new Random(Seed);
        int byPresent = 0;
        int byAnotherOrder = 0;
        for (int trial = 0; trial < 300; trial++)
        {
            PoolProblem problem = Draw(random, members: 2 + random.Next(6), pools: 1 + random.Next(4));
            double? oracle = PoolOracle.BestOfRangesInOrder(problem);
            int[] present = problem.CurrentPool.ToArray();
            if (present.Length > 0 && present.All(p => p >= 0) && present.GroupBy(p => p).All(p => p.Count() >= problem.MembersMin)
                && !(PoolOracle.NetOf(problem, present) <= oracle))
            {
                oracle = PoolOracle.NetOf(problem, present);
                byPresent++;
            }

            // A fresh pool that is given the number of one that was given up may find one of its members: luck, and never beyond any order's best.
            if (PoolPlanner.Solve(problem) is PoolOutcome.Solved solved && solved.NetUnitsPerSecond > oracle + 1e-9)
            {
                oracle = PoolOracle.BestOfRanges(problem);
                byAnotherOrder++;
            }

            RequireBest(problem, oracle, trial);
        }

        byPresent.Should().BePositive($"the present partition is to win some, seed {Seed}");
        byAnotherOrder.Should().BeLessThan(10, $"seed {Seed}");
    }

    [Fact]
    public void Solve_FleetsTooLargeToTryAll_AgreesWithTryingEveryBeginning()
    {
        var random = new Random(Seed);
        int better = 0;
        for (int trial = 0; trial < 30; trial++)
        {
            int n = 20 + random.Next(21);
            int speeds = 2 + random.Next(30);
            int pools = 2 + random.Next(3);
            var problem = new PoolProblem
            {
                UnitsPerSecond = Enumerable.Range(0, n).Select(_ => 1 + (0.25 * random.Next(speeds))).ToArray(),
                CurrentPool = Enumerable.Range(0, n).Select(_ => random.Next(-1, pools)).ToArray(),
                PoolsMax = pools,
                MembersMin = 1 + random.Next(4),
                MoveCostUnits = random.NextDouble(),
                HorizonSeconds = 1,
            };

            double oracle = PoolOracle.ByEveryBeginning(problem);
            PoolOutcome.Solved solved = Solve(problem);
            solved.NetUnitsPerSecond.Should().BeGreaterThan(oracle - 1e-9, $"trial {trial} of seed {Seed}");
            PoolOracle.NetOf(problem, solved.PoolOfMember).Should().BeApproximately(solved.NetUnitsPerSecond, 1e-9, $"trial {trial} of seed {Seed}");
            better += solved.NetUnitsPerSecond > oracle + 1e-9 ? 1 : 0;
        }

        better.Should().BeLessThan(6, $"a given-up pool's number is lucky now and then, seed {Seed}");
    }

    [Fact]
    public void Solve_TwelveMembersInThreePools_IsAsGoodAsAnyAssignment()
    {
        var random = new Random(Seed);
        PoolProblem problem = Draw(random, members: 12, pools: 3) with { MembersMin = 3, MoveCostUnits = 0 };
        RequireBest(problem, PoolOracle.BestOfAll(problem), trial: 0);
    }

    [Fact]
    public void Solve_AMiddleGenerationArrives_GetsAPoolBetweenTheTwo()
    {
        // Pools 0 and 2 go on; pool 1 had nobody and stands between them.
        PoolOutcome.Solved solved = Solve(new PoolProblem
        {
            UnitsPerSecond = new double[] { 9, 9, 9, 6, 6, 6, 3, 3, 3 },
            CurrentPool = new[] { 0, 0, 0, 0, -1, 2, 2, 2, 2 },
            PoolsMax = 3,
            MembersMin = 2,
            MoveCostUnits = 60,
            HorizonSeconds = 60,
        });

        solved.PoolOfMember.Should().Equal(0, 0, 0, 1, 1, 1, 2, 2, 2);
        solved.Moves.Should().Be(2, "who was in no pool does not move");
        solved.NetUnitsPerSecond.Should().BeApproximately(27 + 18 + 9 - 2, 1e-12);
    }

    [Fact]
    public void Solve_MovingCostsMoreThanItWins_StaysAsItIs()
    {
        var problem = new PoolProblem
        {
            UnitsPerSecond = new double[] { 10, 10, 10, 5, 5, 10 },
            CurrentPool = new[] { 0, 0, 0, 1, 1, 1 },
            PoolsMax = 2,
            MembersMin = 1,
            MoveCostUnits = 400,
            HorizonSeconds = 100,
        };

        Solve(problem).Moves.Should().Be(1, "4 units/s is less than the 5 won");
        PoolOutcome.Solved kept = Solve(problem with { MoveCostUnits = 600 });
        kept.Moves.Should().Be(0);
        kept.Reason.Should().Contain("present partition");
    }

    [Fact]
    public void PoolFor_AMember_JoinsTheFastestItKeepsUpWith()
    {
        PoolOutcome.Solved solved = Solve(new PoolProblem
        {
            UnitsPerSecond = new double[] { 9, 9, 9, 6, 6, 6, 3, 3, 3 },
            PoolsMax = 3,
            MembersMin = 2,
            HorizonSeconds = 1,
        });

        solved.PoolFor(12).SlowestUnitsPerSecond.Should().Be(9);
        solved.PoolFor(9).SlowestUnitsPerSecond.Should().Be(9);
        solved.PoolFor(8.9).SlowestUnitsPerSecond.Should().Be(9, "three give up 0.1 each for 8.9 more");
        solved.PoolFor(7).SlowestUnitsPerSecond.Should().Be(6);
        solved.PoolFor(3.1).SlowestUnitsPerSecond.Should().Be(3);
        solved.PoolFor(1).SlowestUnitsPerSecond.Should().Be(3);
        PoolOutcome.Solved.GainOf(solved.PoolFor(1), 1).Should().Be(4 - 9);
        FluentActions.Invoking(() => solved.PoolFor(double.NaN)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Solve_AFleetOfColossus_IsQuickAndNoWorseThanByGeneration(bool fewSpeeds)
    {
        var random = new Random(Seed);
        double[] speeds =
        [
            .. Enumerable.Range(0, 220_000).Select(i =>
                (i < 150_000 ? 1.0 : i < 200_000 ? 1.15 : 2.1) * (fewSpeeds ? 1 : 1 + (0.02 * random.NextDouble())) * (i % 997 == 0 ? 0.6 : 1)),
        ];
        int[] generations = [.. Enumerable.Range(0, 220_000).Select(i => i < 150_000 ? 0 : i < 200_000 ? 1 : 2)];
        var problem = new PoolProblem
        {
            UnitsPerSecond = speeds,
            CurrentPool = generations,
            PoolsMax = 4,
            MembersMin = 64,
            MoveCostUnits = 300,
            HorizonSeconds = 86_400,
        };

        PoolOutcome.Solved solved = Solve(problem);

        solved.PoolOfMember.Should().HaveCount(220_000);
        solved.Pools.Should().OnlyContain(pool => pool.Members >= 64).And.HaveCount(4);
        double byGeneration = (150_000 * 0.6) + (50_000 * 1.15 * 0.6) + (20_000 * 2.1 * 0.6);
        solved.NetUnitsPerSecond.Should().BeGreaterThan(1.3 * byGeneration, $"seed {Seed}: the slow ones leave their generation");
    }

    [Fact]
    public void Solve_TooFewMembers_SaysSo() =>
        Infeasible(new PoolProblem { UnitsPerSecond = new[] { 1.0, 2 }, PoolsMax = 2, MembersMin = 3, HorizonSeconds = 1 })
            .Should().Equal("2 members are fewer than MembersMin = 3: no pool is large enough");

    [Fact]
    public void Solve_NothingIsRight_ListsEveryFault() => Infeasible(new PoolProblem
    {
        UnitsPerSecond = new[] { 1, double.NaN, 0 },
        CurrentPool = new[] { 0, 9, -2 },
        PoolsMax = 9,
        MembersMin = 0,
        MoveCostUnits = -1,
        HorizonSeconds = 0,
    }).Should().HaveCount(8);

    [Fact]
    public void Solve_ListsOfOtherLengths_Throws() => FluentActions.Invoking(() => PoolPlanner.Solve(
        new PoolProblem { UnitsPerSecond = new[] { 1.0, 2 }, CurrentPool = new int[1], PoolsMax = 1, MembersMin = 1, HorizonSeconds = 1 }))
        .Should().Throw<ArgumentException>();

    private static void RequireBest(PoolProblem problem, double? oracle, int trial)
    {
        string which = $"trial {trial} of seed {Seed}: speeds {string.Join(' ', problem.UnitsPerSecond.ToArray())}, "
            + $"pools {string.Join(' ', problem.CurrentPool.ToArray())}, {problem}";
        PoolOutcome outcome = PoolPlanner.Solve(problem);
        if (oracle is not { } best)
        {
            outcome.Should().BeOfType<PoolOutcome.Infeasible>(which);
            return;
        }

        PoolOutcome.Solved solved = outcome.Should().BeOfType<PoolOutcome.Solved>(which).Subject;
        solved.NetUnitsPerSecond.Should().BeApproximately(best, 1e-9, which);
        PoolOracle.NetOf(problem, solved.PoolOfMember).Should().BeApproximately(best, 1e-9, which);
        solved.Pools.Should().OnlyContain(pool => pool.Members >= problem.MembersMin, which);
    }

    /// <summary>Speeds often collide; members are in any pool or in none.</summary>
    private static PoolProblem Draw(Random random, int members, int pools)
    {
        bool collide = random.Next(3) > 0;
        return new PoolProblem
        {
            UnitsPerSecond = Enumerable.Range(0, members).Select(_ => collide ? 1 + random.Next(4) : 1 + (9 * random.NextDouble())).ToArray(),
            CurrentPool = random.Next(4) == 0
                ? ReadOnlyMemory<int>.Empty
                : Enumerable.Range(0, members).Select(_ => random.Next(random.Next(3) == 0 ? -1 : 0, pools)).ToArray(),
            PoolsMax = pools,
            MembersMin = 1 + random.Next(3),
            MoveCostUnits = random.Next(3),
            HorizonSeconds = 1 + random.Next(4),
        };
    }

    private static PoolOutcome.Solved Solve(PoolProblem problem)
    {
        PoolOutcome outcome = PoolPlanner.Solve(problem);
        return outcome.Should().BeOfType<PoolOutcome.Solved>(outcome.Reason).Subject;
    }

    private static ImmutableArray<string> Infeasible(PoolProblem problem) =>
        PoolPlanner.Solve(problem).Should().BeOfType<PoolOutcome.Infeasible>().Subject.Faults;
}
