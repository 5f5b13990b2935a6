using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class DealRehearsalTests
{
    private const int Seed = 11;

    [Fact]
    public void Outcome_WhenOneReceiverIsSteadilySlow_WinsNearlyAllThatCanBeWon()
    {
        DealRehearsalOutcome outcome = Rehearse(4, 40, 200, (_, receiver) => receiver == 1 ? 2 : 1);
        outcome.OracleGain.Should().BeApproximately(20.0 / 12, 1e-9, "10 units of 2 s against at most 12 s");
        outcome.Gain.Should().BeGreaterThan(0.97 * outcome.OracleGain);
        outcome.LastDeal.Should().HaveElementAt(1, 6);
        outcome.LastDeal.Sum().Should().Be(40);
    }

    [Fact]
    public void Outcome_WhenAReceiverTurnsSlow_FollowsWithinAFewSteps()
    {
        DealRehearsalOutcome outcome = Rehearse(4, 40, 300, (step, receiver) => receiver == 2 && step is >= 100 and < 200 ? 2 : 1);
        double best = outcome.EvenSeconds - outcome.OracleSeconds;
        (outcome.EvenSeconds - outcome.DealtSeconds).Should().BeGreaterThan(0.85 * best);
    }

    [Fact]
    public void Add_OnEveryStep_TakesWhatTheDealMadeBeforeItTakes()
    {
        var random = new Random(Seed);
        var rehearsal = new DealRehearsal(5, 40);
        double dealt = 0;
        int uneven = 0;
        for (int step = 0; step < 120; step++)
        {
            IReadOnlyList<int> deal = rehearsal.Outcome().LastDeal;
            double[] seconds = [.. Enumerable.Range(0, 5).Select(receiver => 1 + (0.3 * receiver) + (0.4 * random.NextDouble()))];
            rehearsal.Add(seconds);
            dealt += seconds.Zip(deal, (second, units) => second * units).Max();
            uneven += deal.Distinct().Count() > 1 ? 1 : 0;
            rehearsal.Outcome().DealtSeconds.Should().BeApproximately(dealt, 1e-9, $"step {step} of seed {Seed}: no look ahead");
        }

        rehearsal.Outcome().StepsUneven.Should().Be(uneven).And.BeGreaterThan(100);
    }

    [Theory]
    [InlineData(0.01, 0.0)]
    [InlineData(0.05, 0.0)]
    [InlineData(0.15, 0.0)]
    [InlineData(0.05, 0.5)]
    [InlineData(0.15, 0.5)]
    [InlineData(0.15, 0.9)]
    [InlineData(0.40, 0.5)]
    public void Outcome_WhateverTheNoiseOfEquals_NeverLosesAPercent(double variation, double memory)
    {
        for (int seed = Seed; seed < Seed + 6; seed++)
        {
            var random = new Random(seed);
            double[] state = [.. Enumerable.Range(0, 10).Select(_ => Normal(random))];
            DealRehearsalOutcome outcome = Rehearse(10, 80, 250, (_, receiver) =>
            {
                state[receiver] = (memory * state[receiver]) + (Math.Sqrt(1 - (memory * memory)) * Normal(random));
                return Math.Exp(variation * state[receiver]);
            });
            outcome.Gain.Should().BeGreaterThan(0.99, $"seed {seed}, variation {variation}, memory {memory}");
            outcome.OracleGain.Should().BeGreaterThanOrEqualTo(outcome.Gain - 1e-12);
        }
    }

    [Fact]
    public void Outcome_WhenSpeedsAlternate_KeepsTheEvenDeal()
    {
        // The last step's slow receiver is the next one's fast one: following would lose at every step.
        DealRehearsalOutcome outcome = Rehearse(2, 16, 200, (step, receiver) => step % 2 == receiver ? 1.5 : 1);
        outcome.Gain.Should().BeGreaterThanOrEqualTo(0.99);
    }

    [Fact]
    public void Outcome_WithoutAStep_WonNothing()
    {
        DealRehearsalOutcome outcome = new DealRehearsal(3, 9).Outcome();
        outcome.Should().BeEquivalentTo(new { Steps = 0, Gain = 1.0, OracleGain = 1.0, StepsUneven = 0 });
        outcome.LastDeal.Should().Equal(3, 3, 3);
    }

    [Fact]
    public void Add_WhatIsNoTime_Throws()
    {
        var rehearsal = new DealRehearsal(2, 4);
        FluentActions.Invoking(() => rehearsal.Add([1])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => rehearsal.Add([1, 0])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => rehearsal.Add([double.NaN, 1])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => new DealRehearsal(3, 2)).Should().Throw<ArgumentOutOfRangeException>();
    }

    private static DealRehearsalOutcome Rehearse(int receivers, int total, int steps, Func<int, int, double> seconds)
    {
        var rehearsal = new DealRehearsal(receivers, total);
        for (int step = 0; step < steps; step++)
        {
            rehearsal.Add([.. Enumerable.Range(0, receivers).Select(receiver => seconds(step, receiver))]);
        }

        return rehearsal.Outcome();
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
