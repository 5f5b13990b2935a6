using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Detection;

public sealed class DestructiveGateTests
{
    private static readonly Rank First = new(0);

    [Fact]
    public void LogEvidence_OfAKnownSequence_IsTheMeanOfTheShiryaevRobertsSums()
    {
        var gate = new DestructiveGate(1, 0.10, 1e-6);
        double[] sums = [0, 0, 0];
        double[] shares = [0.65, 0.85, 0.98];
        foreach (bool exceeds in new[] { true, true, false, true, false, true, true })
        {
            gate.Observe(First, exceeds ? 0.2 : 0);
            for (int i = 0; i < 3; i++)
            {
                sums[i] = (sums[i] + 1) * 2 * (exceeds ? shares[i] : 1 - shares[i]);
            }

            gate.LogEvidence(First).Should().BeApproximately(Math.Log(sums.Average()), 1e-12);
        }
    }

    [Fact]
    public void IsOpen_OfARankAlwaysAboveTheLimit_OpensWithinHundredStepsAtTheRateOfALargeFleet()
    {
        var budget = new FalseAlarmBudget(220_000, 1);
        var gate = new DestructiveGate(1, 0.10, budget.DestructiveAlpha);
        int steps = 0;
        while (!gate.IsOpen(First) && steps < 200)
        {
            gate.Observe(First, 0.14);
            steps++;
        }

        steps.Should().BeInRange(30, 60, "no sequence of fewer coin tosses is as rare as one in 5.7e11");
        gate.Reset(First);
        gate.IsOpen(First).Should().BeFalse();
        gate.LogEvidence(First).Should().Be(double.NegativeInfinity);
    }

    [Fact]
    public void IsOpen_OfFairCoins_OpensNoMoreOftenThanAlphaAllows()
    {
        // The worst that a healthy rank can be: at the limit, P(X) = ½. 200 coins, 1/α = 2,000 steps: on average 1,000 openings at most in
        // 2·10⁶ steps, were each to begin again.
        const int Coins = 200;
        const int Steps = 10_000;
        var gate = new DestructiveGate(Coins, 0.10, 1.0 / 2_000);
        var random = new Random(31);
        int openings = 0;
        for (int step = 0; step < Steps; step++)
        {
            for (int coin = 0; coin < Coins; coin++)
            {
                var rank = new Rank(coin);
                gate.Observe(rank, random.NextDouble() < 0.5 ? 1 : 0);
                if (gate.IsOpen(rank))
                {
                    openings++;
                    gate.Reset(rank);
                }
            }
        }

        openings.Should().BeInRange(1, (int)(1.1 * Coins * Steps / 2_000), "seed 31");
    }

    [Theory]
    [InlineData(0, 0.1, 0.1)]
    [InlineData(1, 0, 0.1)]
    [InlineData(1, 0.1, 0)]
    [InlineData(1, 0.1, 1)]
    [InlineData(1, 0.1, double.NaN)]
    public void Gate_WithNumbersOutOfRange_IsRefused(int ranks, double effect, double alpha)
    {
        Action make = () => _ = new DestructiveGate(ranks, effect, alpha);
        make.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Budget_OfAFleet_IsOneVerdictAWeekAndOneActionAMonth()
    {
        var budget = new FalseAlarmBudget(1_000, 0.5);
        (budget.VerdictAlpha * 1_000 * 0.5 * 7 * 86_400).Should().BeApproximately(1, 1e-9);
        (budget.DestructiveAlpha * 1_000 * 0.5 * 30 * 86_400).Should().BeApproximately(1, 1e-9);
        Action none = () => _ = new FalseAlarmBudget(0, 1);
        Action still = () => _ = new FalseAlarmBudget(1, 0);
        none.Should().Throw<ArgumentOutOfRangeException>();
        still.Should().Throw<ArgumentOutOfRangeException>();
    }
}
