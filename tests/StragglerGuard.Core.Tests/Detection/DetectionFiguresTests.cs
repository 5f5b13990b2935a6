using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Detection;

/// <summary>The promised figures on seeded synthetic jobs: small enough for every run, and in full where asked for.</summary>
public sealed class DetectionFiguresTests
{
    private const int RankSteps = 3_000_000;

    [Theory]
    [InlineData(8, 0.0)]
    [InlineData(64, 0.0)]
    [InlineData(8, 0.5)]
    [InlineData(64, 0.5)]
    public void HealthyRanks_OverATenthOfTheBudget_AreNeverCalledSlow(int ranks, double memory) =>
        FalseVerdicts(ranks, RankSteps / 10, memory).Should().Be(0, "seed 51");

    [FactIfAsked]
    public void HealthyRanks_OverTheWholeBudget_AreCalledSlowAtMostAsOftenAsPromised()
    {
        foreach (int ranks in new[] { 8, 64, 512, 6_000 })
        {
            FalseVerdicts(ranks, RankSteps, memory: 0).Should().BeLessThanOrEqualTo(3, $"{ranks} ranks, seed 51");
            FalseVerdicts(ranks, RankSteps, memory: 0.5).Should().BeLessThanOrEqualTo(10, $"{ranks} ranks, AR(1) 0.5, seed 51");
        }
    }

    [Theory]
    [InlineData(1.12)]
    [InlineData(1.15)]
    [InlineData(1.30)]
    public void Steps_OfTwelvePercentAndMore_AreFoundWithinFortySteps(double factor)
    {
        // 99 % of 60 is all but none.
        int found = 0;
        for (int seed = 1; seed <= 60; seed++)
        {
            (int culprit, int onset) = Draw(seed, 16);
            var job = new SyntheticJob(16, seed % 2 == 0 ? 0.03 : 0.02, seed) { Compute = (rank, step) => rank == culprit && step >= onset ? factor : 1 };
            job.Run(onset + 41);
            job.Confirmed.Should().OnlyContain(e => e.Rank == new Rank(culprit) && e.RaisedAtStep >= onset, job.Story());
            found += job.Confirmed.Any() ? 1 : 0;
        }

        found.Should().Be(60);
    }

    [Theory]
    [InlineData(0.05, 0)]
    [InlineData(0.07, 0)]
    [InlineData(0.09, 0)]
    [InlineData(0.15, 60)]
    [InlineData(0.15, 120)]
    public void Creep_OfSmallStepsAndRamps_IsFoundWithinSixtySteps(double size, int rampSteps)
    {
        const int Jobs = 40;
        int found = 0;
        for (int seed = 1; seed <= Jobs; seed++)
        {
            (int culprit, int onset) = Draw(seed, 8);
            var job = new SyntheticJob(8, 0.01, seed)
            {
                Compute = (rank, step) => rank == culprit && step >= onset ? 1 + (size * (rampSteps == 0 ? 1 : Math.Min(1.0, (step - onset) / (double)rampSteps))) : 1,
            };
            job.Run(onset + 61);
            DetectionEvent[] told = [.. job.Events.Where(e => e.Rank is not null)];
            told.Should().OnlyContain(e => e.Rank == new Rank(culprit), job.Story());
            found += told.Length > 0 ? 1 : 0;
        }

        found.Should().BeGreaterThanOrEqualTo((int)Math.Ceiling(0.95 * Jobs), $"{100 * size} % over {rampSteps} steps, seeds 1 to {Jobs}");
    }

    [Fact]
    public void Gate_OfATenthOfTheFleet_StaysShutForTheHealthyAndOpensForTheSlow() => ShouldGuard(ranks: 2_000, steps: 500);

    [FactIfAsked]
    public void Gate_OfTheWholeFleet_StaysShutForTheHealthyAndOpensForTheSlow() => ShouldGuard(ranks: 20_000, steps: 5_000);

    private static void ShouldGuard(int ranks, int steps)
    {
        // Chips that differ by 2 %, noise with memory, and one unit of work more on every third rank, which is then last at every step.
        const int Slow = 77;
        const int Onset = 200;
        var random = new Random(52);
        double[] chips = [.. Enumerable.Range(0, ranks).Select(rank => rank == Slow ? 0 : 0.02 * Normal(random))];
        var job = new SyntheticJob(ranks, 0.03, seed: 53, memory: 0.5)
        {
            Units = rank => rank % 3 == 0 ? 6 : 5,
            Compute = (rank, step) => Math.Exp(chips[rank]) * (rank == Slow && step >= Onset ? 1.15 : 1),
        };
        var opened = new HashSet<int>();
        long openedAt = -1;
        for (int step = 0; step < steps; step++)
        {
            job.Run(1);
            for (int rank = 0; rank < ranks; rank++)
            {
                if (job.Detector.IsBeyondDoubt(new Rank(rank)) && opened.Add(rank) && rank == Slow)
                {
                    openedAt = step;
                }
            }
        }

        opened.Should().Equal([Slow], job.Story());
        openedAt.Should().BeInRange(Onset, Onset + 100);
    }

    private static int FalseVerdicts(int ranks, int rankSteps, double memory) =>
        new SyntheticJob(ranks, 0.02, seed: 51, memory).Run(rankSteps / ranks).Confirmed.Count();

    private static (int Culprit, int Onset) Draw(int seed, int ranks)
    {
        var random = new Random(1_000 + seed);
        return (random.Next(ranks), 80 + random.Next(120));
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
