using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class DeadlinePlannerTests
{
    private const int Seed = 20_268;

    [Fact]
    public void Decide_StallsSpreadOverTheFleet_CutsThemAndStatesTheGain()
    {
        // Eight ranks of 8 × 0.1 s; one step in ten of each takes 5×. A cut rank stops after 2 of 8, having taken 1 s.
        var random = new Random(Seed);
        DeadlineDecision decision = Decide(8, 400, 8, (_, _) => random.NextDouble() < 0.1 ? 4 : 0.8);

        decision.Accepted.Should().BeTrue(decision.Reason);
        decision.ExpectedGain.Should().BeGreaterThan(2, $"{decision.Reason}, seed {Seed}");
        decision.DroppedShare.Should().BeApproximately(0.1 * 6 / 8, 0.02, $"seed {Seed}");
        (decision.DeadlineNs * 1e-9).Should().BeInRange(0.8, 1.0, "normal steps are whole, and a stalled rank starts no third micro-batch");
        decision.PredictedStepSeconds.Should().BeInRange(0.8, 1.0);
    }

    [Fact]
    public void Decide_AnyEvidence_AgreesWithTryingEveryDeadline()
    {
        var random = new Random(Seed);
        int accepted = 0;
        for (int trial = 0; trial < 150; trial++)
        {
            int ranks = 1 + random.Next(5);
            double stall = 1 + (4 * random.NextDouble());
            double likely = 0.3 * random.NextDouble();
            int units = 1 + random.Next(6);
            bool rounded = random.Next(2) == 0;
            DeadlineEvidence evidence = Evidence(ranks, 40, (_, _) => 1 + random.Next(units), (_, _, count) =>
            {
                double own = count * (1 + (0.2 * random.NextDouble())) * (random.NextDouble() < likely ? stall : 1);
                return rounded ? Math.Round(own) : own;
            }, common: random.NextDouble());

            DeadlineDecision decision = DeadlinePlanner.Decide(evidence);

            double oracle = DeadlineOracle.BestGain(evidence);
            decision.ExpectedGain.Should().BeApproximately(oracle, 1e-9, $"trial {trial} of seed {Seed}: {decision.Reason}");
            if (decision.Accepted)
            {
                accepted++;
                DeadlineOracle.Gain(evidence, decision.DeadlineNs * 1e-9).Should().BeApproximately(oracle, 1e-9, $"trial {trial} of seed {Seed}");
            }
        }

        accepted.Should().BeInRange(20, 140, $"both answers are to be met, seed {Seed}");
    }

    [Fact]
    public void Decide_OneRankIsAlwaysSlow_DeclinesAndNamesIt()
    {
        DeadlineDecision decision = Decide(8, 100, 8, (_, rank) => rank == 3 ? 1.7 : 1);

        decision.Accepted.Should().BeFalse();
        decision.DeadlineNs.Should().Be(0);
        decision.Reason.Should().Contain("rank 3").And.Contain("dealt less work");
    }

    [Fact]
    public void Decide_OneRankIsAlwaysSlowAndOthersStall_CutsTheStallsOnly()
    {
        var random = new Random(Seed);
        DeadlineDecision decision = Decide(8, 400, 8, (_, rank) => (rank == 3 ? 1.3 : 1) * (random.NextDouble() < 0.1 ? 5 : 1));

        decision.Accepted.Should().BeTrue(decision.Reason);
        (decision.DeadlineNs * 1e-9).Should().BeGreaterThan(1.3 * 7 / 8, "else rank 3 would lose its last micro-batch in every step");
    }

    [Fact]
    public void Decide_StepsHardlyVary_DeclinesWithTheGain()
    {
        var random = new Random(Seed);
        DeadlineDecision decision = Decide(8, 200, 4, (_, _) => 1 + (0.01 * random.NextDouble()));

        decision.Accepted.Should().BeFalse(decision.Reason);
        decision.ExpectedGain.Should().BeInRange(1, 1.02, $"seed {Seed}");
        decision.DeadlineNs.Should().Be(0);
    }

    [Fact]
    public void Decide_StallsInTheFirstHalfOnly_Declines()
    {
        var random = new Random(Seed);
        DeadlineDecision decision = Decide(8, 200, 8, (frame, _) => frame < 100 && random.NextDouble() < 0.1 ? 5 : 1);

        decision.Accepted.Should().BeFalse();
        decision.Reason.Should().Contain("second half");
    }

    [Fact]
    public void Decide_CommunicationIsLong_WinsLess()
    {
        DeadlineDecision brief = Decide(4, 80, 8, (frame, rank) => frame % 4 == rank ? 3 : 1);
        DeadlineDecision longer = Decide(4, 80, 8, (frame, rank) => frame % 4 == rank ? 3 : 1, common: 2);

        longer.ExpectedGain.Should().BeLessThan(brief.ExpectedGain!.Value - 0.3);
    }

    [Fact]
    public void Decide_OneMicroBatchARank_HasNothingToCut() =>
        Decide(4, 80, 1, (frame, rank) => frame % 4 == rank ? 3 : 1).Should().BeEquivalentTo(new { Accepted = false, ExpectedGain = 1.0, DroppedShare = 0.0 });

    [Theory]
    [InlineData(DeadlinePlanner.FramesMin - 1, 1.0, "too few")]
    [InlineData(100, 0.0, "no time")]
    public void Decide_WithoutEvidence_DeclinesWithoutANumber(int frames, double seconds, string reason)
    {
        DeadlineDecision decision = Decide(4, frames, 4, (_, _) => seconds);
        decision.Should().BeEquivalentTo(new { Accepted = false, ExpectedGain = (double?)null, DeadlineNs = 0L });
        decision.Reason.Should().Contain(reason);
    }

    [Theory]
    [InlineData(double.NaN, 1)]
    [InlineData(-1.0, 1)]
    [InlineData(double.PositiveInfinity, 1)]
    [InlineData(1.0, -1)]
    public void Decide_OnAnEntryThatIsNone_Throws(double seconds, int units) =>
        FluentActions.Invoking(() => Decide(2, 40, units, (_, _) => seconds)).Should().Throw<ArgumentException>();

    [Fact]
    public void Decide_ListsOfOtherLengths_Throws() => FluentActions.Invoking(() => DeadlinePlanner.Decide(new DeadlineEvidence
    {
        Ranks = 2,
        StepSeconds = new double[64],
        MicroBatches = new int[62],
        CommonSeconds = 0,
    })).Should().Throw<ArgumentException>();

    private static DeadlineDecision Decide(int ranks, int frames, int units, Func<int, int, double> seconds, double common = 0) =>
        DeadlinePlanner.Decide(Evidence(ranks, frames, (_, _) => units, (frame, rank, _) => seconds(frame, rank), common));

    private static DeadlineEvidence Evidence(
        int ranks, int frames, Func<int, int, int> units, Func<int, int, int, double> seconds, double common)
    {
        int[] counts = [.. Enumerable.Range(0, frames * ranks).Select(i => units(i / ranks, i % ranks))];
        return new DeadlineEvidence
        {
            Ranks = ranks,
            StepSeconds = counts.Select((count, i) => seconds(i / ranks, i % ranks, count)).ToArray(),
            MicroBatches = counts,
            CommonSeconds = common,
        };
    }
}
