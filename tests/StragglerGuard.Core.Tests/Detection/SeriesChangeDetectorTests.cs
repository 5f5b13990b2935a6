using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Detection;

public sealed class SeriesChangeDetectorTests
{
    [Theory]
    [InlineData(1.05)]
    [InlineData(1.2)]
    [InlineData(0.8)]
    [InlineData(3.0)]
    public void Add_OfAStepUpOrDown_FindsItOnceAndSoon(double factor)
    {
        for (int seed = 1; seed <= 20; seed++)
        {
            List<LevelChange> changes = Run(seed, 200, 0.004, step => step >= 100 ? factor : 1);
            LevelChange change = changes.Should().ContainSingle($"seed {seed}").Subject;
            change.Step.Should().BeInRange(98, 101, $"seed {seed}");
            change.RaisedAtStep.Should().BeLessThanOrEqualTo(106, $"seed {seed}");
            change.Shift.Should().BeApproximately(Math.Log(factor), 0.01);
        }
    }

    [Fact]
    public void Add_OfAChangeThatTakesStepsToComeAbout_ReportsItOnce()
    {
        double[] onTheWay = [1.09, 1.3, 1.45];
        for (int seed = 1; seed <= 20; seed++)
        {
            List<LevelChange> changes = Run(seed, 200, 0.003, step => step < 100 ? 1 : step < 103 ? onTheWay[step - 100] : 1.6);
            changes.Should().HaveCountLessThanOrEqualTo(1, $"seed {seed}").And.NotBeEmpty();
            changes[0].RaisedAtStep.Should().BeLessThanOrEqualTo(106, $"seed {seed}");
        }
    }

    [Theory]
    [InlineData(0.003)]
    [InlineData(0.02)]
    [InlineData(0.10)]
    public void Add_OfASteadySeriesWithOutliers_FindsNothing(double cv)
    {
        for (int seed = 1; seed <= 20; seed++)
        {
            var random = new Random(100 + seed);
            Run(seed, 2_000, cv, _ => random.NextDouble() < 0.01 ? 1.5 : 1).Should().BeEmpty($"seed {seed}");
        }
    }

    [Fact]
    public void Add_WithAFirstStepFarOff_LearnsTheLevelAllTheSame()
    {
        List<LevelChange> changes = Run(3, 100, 0.003, step => step == 0 ? 60 : step == 1 ? 1.3 : step >= 50 ? 1.4 : 1);
        changes.Should().ContainSingle().Which.Step.Should().Be(50);
    }

    [Fact]
    public void Add_OfAStep_AllocatesNothing()
    {
        var detector = new SeriesChangeDetector();
        detector.Add(0, 0, out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 1; step < 400; step++)
        {
            detector.Add((step / 80 * 0.3) + (0.001 * (step % 7)), step, out _);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }

    [Fact]
    public void RunLength_AfterAChange_IsYoungWithinAStep()
    {
        var runs = new RunLengthPosterior();
        runs.Reset(0, 0.01);
        var random = new Random(5);
        double young = 0;
        for (int step = 0; step < 100; step++)
        {
            young = runs.Add(0.01 * (random.NextDouble() - 0.5), 12);
        }

        young.Should().BeLessThan(0.2, "nothing happened");
        runs.Add(0.5, 12).Should().BeGreaterThan(0.95);
    }

    [Fact]
    public void RunLength_OfAValueBeyondAllDensities_StaysAProbability()
    {
        var runs = new RunLengthPosterior();
        runs.Reset(0, 1e-6);
        runs.Add(1e12, 12).Should().BeInRange(0, 1);
        runs.Add(-1e12, 12).Should().BeInRange(0, 1);
    }

    private static List<LevelChange> Run(int seed, int steps, double cv, Func<int, double> factor)
    {
        var random = new Random(seed);
        var detector = new SeriesChangeDetector();
        var changes = new List<LevelChange>();
        for (int step = 0; step < steps; step++)
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            if (detector.Add(Math.Log(1_400 * factor(step)) + (cv * normal), step, out LevelChange change))
            {
                changes.Add(change);
            }
        }

        return changes;
    }
}
