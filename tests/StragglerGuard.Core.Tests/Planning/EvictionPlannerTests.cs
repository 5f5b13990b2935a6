using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class EvictionPlannerTests
{
    private const int Seed = 4_117;

    [Fact]
    public void Solve_AReplicaTooSlowForOneUnit_LeavesAndTheRestKeepsTheBatch()
    {
        // One unit takes replica 2 as long as a step of nine does the others; without it they do 11 or 10 units: 1.1 s instead of 3 s.
        EvictionOutcome.Evict evict = Evict(Problem([0.1, 0.1, 3, 0.1], total: 32, candidates: [2]));

        evict.Replicas.Should().Equal(2);
        evict.MicroBatches.Should().Equal(11, 11, -1, 10);
        evict.StepSecondsWith.Should().BeApproximately(3, 1e-12);
        evict.StepSeconds.Should().BeApproximately(1.1, 1e-12);
        evict.NetGainSeconds.Should().BeApproximately((100 * 1.9) - 10, 1e-9);
        evict.CostSeconds.Should().Be(10);
        evict.PredictedGain.Should().BeApproximately(1 - (1.1 / 3), 1e-12);
        evict.Reason.Should().Contain("replica 2").And.Contain("100 steps");
    }

    [Fact]
    public void Solve_ASlowReplicaThatARebalanceRelieves_Stays()
    {
        EvictionOutcome outcome = new EvictionPlanner().Solve(Problem([0.1, 0.1, 0.2, 0.1], total: 70, candidates: [2]));

        outcome.Should().BeOfType<EvictionOutcome.Keep>().Which.Reason.Should().Contain("all stay").And.Contain("replica 2");
    }

    [Fact]
    public void Solve_TheGainIsWorthLessThanTheMove_Stays()
    {
        EvictionProblem problem = Problem([0.1, 0.1, 3, 0.1], total: 32, candidates: [2]);

        new EvictionPlanner().Solve(problem with { RegroupSeconds = 189 }).Should().BeOfType<EvictionOutcome.Evict>();
        new EvictionPlanner().Solve(problem with { RegroupSeconds = 191 }).Should().BeOfType<EvictionOutcome.Keep>();
        new EvictionPlanner().Solve(problem with { RegroupSeconds = 150, MoveSeconds = 41 }).Should().BeOfType<EvictionOutcome.Keep>();
    }

    [Fact]
    public void Solve_TwoMustLeaveTogetherToWinAnything_LeaveTogether()
    {
        EvictionOutcome.Evict evict = Evict(Problem([0.1, 3, 0.1, 3, 0.1, 0.1], total: 48, candidates: [1, 3]));

        evict.Replicas.Should().Equal(1, 3);
        evict.MicroBatches.Sum(m => Math.Max(0, m)).Should().Be(48);
    }

    [Fact]
    public void Solve_TheRestHasTooLittleMemory_StaysAndSaysSo()
    {
        EvictionProblem problem = Problem([0.1, 0.1, 3, 0.1], total: 32, candidates: [2]);
        EvictionOutcome outcome = new EvictionPlanner().Solve(problem with { Job = problem.Job with { Highest = new[] { 10, 10, 10, 10 } } });

        outcome.Should().BeOfType<EvictionOutcome.Keep>().Which.Reason.Should().Contain("can't carry the batch").And.Contain("Highest, 30");
    }

    [Fact]
    public void Solve_TheFloorForbidsIt_StaysAndSaysSo()
    {
        EvictionProblem two = Problem([0.1, 3, 0.1, 3, 0.1, 0.1], total: 48, candidates: [1, 3]);

        new EvictionPlanner().Solve(two with { ReplicasMin = 6 })
            .Should().BeOfType<EvictionOutcome.Keep>().Which.Reason.Should().Contain("keeps 6");
        new EvictionPlanner().Solve(two with { ReplicasMin = 5 })
            .Should().BeOfType<EvictionOutcome.Keep>("one alone wins nothing").Which.Trials.Should().HaveCount(2);
    }

    [Fact]
    public void Solve_OneSlowLinkHoldsTheRing_TheReplicaBehindItLeaves()
    {
        // Equal compute: without replica 1 the rest computes longer (0.6 → 0.8 s), and the transfer falls from 1 s to 0.2 s.
        EvictionProblem problem = Problem([0.1, 0.1, 0.1, 0.1], total: 24, candidates: [0, 1]) with { LinkSeconds = new[] { 0.2, 1, 0.2, 0.2 } };
        EvictionOutcome.Evict evict = Evict(problem);

        evict.Replicas.Should().Equal(1);
        evict.StepSecondsWith.Should().BeApproximately(1.6, 1e-12);
        evict.StepSeconds.Should().BeApproximately(1.0, 1e-12);
        evict.Reason.Should().Contain("transfer 1 s → 0.2 s");
    }

    [Fact]
    public void Solve_NobodyIsSlow_TriesNothing()
    {
        var keep = new EvictionPlanner().Solve(Problem([0.1, 0.1], total: 8, candidates: [])).Should().BeOfType<EvictionOutcome.Keep>().Subject;
        keep.Trials.Should().BeEmpty();
        keep.StepSecondsWith.Should().BeApproximately(0.4, 1e-12);
    }

    [Fact]
    public void Solve_ASpeedIsUnknown_NamesIt() =>
        new EvictionPlanner().Solve(Problem([0.1, double.NaN], total: 8, candidates: [0]))
            .Should().BeOfType<EvictionOutcome.Infeasible>().Which.Reason.Should().Contain("SecondsPerUnit[1]");

    [Fact]
    public void Solve_DrawnJobs_MatchesTryingEverySetOfTheSlow()
    {
        // One order behind all differences: no caps, no fixed costs, no links.
        var random = new Random(Seed);
        int evicted = 0;
        for (int trial = 0; trial < 120; trial++)
        {
            int n = 3 + random.Next(5);
            double[] seconds = [.. Enumerable.Range(0, n).Select(_ => random.Next(3) == 0 ? 0.2 + random.NextDouble() : 0.1)];
            int[] slow = [.. Enumerable.Range(0, n).Where(i => seconds[i] > 0.1)];
            EvictionProblem problem = Problem(seconds, total: n * (1 + random.Next(6)), candidates: slow) with
            {
                MoveSeconds = random.Next(6),
                ReplicasMin = 1 + random.Next(n),
            };

            double oracle = BestNetGain(problem);

            EvictionOutcome outcome = new EvictionPlanner().Solve(problem);
            double found = outcome is EvictionOutcome.Evict evict ? evict.NetGainSeconds : 0;
            evicted += found > 0 ? 1 : 0;
            found.Should().BeApproximately(oracle, 1e-9, $"trial {trial} of seed {Seed}: {outcome.Reason}");
        }

        evicted.Should().BeInRange(20, 100, $"both answers are to be met, seed {Seed}");
    }

    [Fact]
    public void Solve_MoreCandidatesThanAreTried_TriesTheSlowest()
    {
        double[] seconds = [.. Enumerable.Range(0, 200).Select(i => i < 100 ? 0.01 : 0.02 + (0.001 * i))];
        EvictionOutcome outcome = new EvictionPlanner().Solve(Problem(seconds, total: 1_600, candidates: [.. Enumerable.Range(100, 100)]));

        outcome.Trials.Should().HaveCount((2 * EvictionPlanner.CandidatesMax) - 1);
        outcome.Trials[0].Replicas.Should().Equal(199);
    }

    [Fact]
    public void Solve_BadArguments_Throw()
    {
        EvictionProblem good = Problem([0.1, 0.1], total: 8, candidates: [0]);
        Throws(good with { Candidates = new[] { 2 } });
        Throws(good with { Candidates = new[] { 0, 0 } });
        Throws(good with { LinkSeconds = new double[3] });
        Throws(good with { LinkSeconds = new[] { 0, double.NaN } });
        Throws(good with { RegroupSeconds = -1 });
        Throws(good with { CommonSeconds = double.PositiveInfinity });
        Throws(good with { HorizonSteps = 0 });
        Throws(good with { ReplicasMin = 0 });
        static void Throws(EvictionProblem problem) =>
            FluentActions.Invoking(() => new EvictionPlanner().Solve(problem)).Should().Throw<ArgumentException>();
    }

    private static double BestNetGain(EvictionProblem problem)
    {
        int n = problem.Job.SecondsPerUnit.Length;
        double with = RebalanceOracles.OneByOne(problem.Job);
        double best = 0;
        for (int set = 1; set < 1 << problem.Candidates.Length; set++)
        {
            int[] leaving = [.. problem.Candidates.ToArray().Where((_, i) => (set >> i & 1) == 1)];
            int[] staying = [.. Enumerable.Range(0, n).Except(leaving)];
            if (staying.Length < problem.ReplicasMin)
            {
                continue;
            }

            RebalanceProblem rest = RebalanceOracles.Unbounded(
                [.. staying.Select(i => problem.Job.SecondsPerUnit.Span[i])], new int[staying.Length]) with
            {
                Total = problem.Job.Total,
                Lowest = staying.Select(_ => 1).ToArray(),
            };
            double gain = (with - RebalanceOracles.OneByOne(rest)) * problem.HorizonSteps;
            best = Math.Max(best, gain - problem.RegroupSeconds - (leaving.Length * problem.MoveSeconds));
        }

        return best;
    }

    private static EvictionOutcome.Evict Evict(EvictionProblem problem)
    {
        EvictionOutcome outcome = new EvictionPlanner().Solve(problem);
        return outcome.Should().BeOfType<EvictionOutcome.Evict>(outcome.Reason).Subject;
    }

    private static EvictionProblem Problem(double[] secondsPerUnit, int total, int[] candidates) => new()
    {
        Job = RebalanceOracles.Unbounded(secondsPerUnit, EvenDeal.Of(total, secondsPerUnit.Length)) with
        {
            Lowest = secondsPerUnit.Select(_ => 1).ToArray(),
        },
        Candidates = candidates,
        RegroupSeconds = 10,
        HorizonSteps = 100,
    };
}
