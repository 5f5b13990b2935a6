using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Detection;

/// <summary>A detector that goes on with the verdict of another.</summary>
public sealed class TakeOverTests
{
    private const int Slow = 3;
    private const double Slowdown = 1.6;

    /// <summary>By how many ranks of its own class there are: against peers, by its own history, and both in the fleet's slim form.</summary>
    [Theory]
    [InlineData(8, 8)]
    [InlineData(8, 1)]
    [InlineData(2 * JobDetector.ScreenedFromRanks, 2 * JobDetector.ScreenedFromRanks)]
    [InlineData(2 * JobDetector.ScreenedFromRanks, 1)]
    public void Verdict_ThatIsTakenOver_StandsUntilTheRankIsAsFastAsItWas(int ranks, int alike)
    {
        const int Recovery = 90;
        SyntheticJob job = Job(ranks, alike, (rank, step) => rank == Slow && step < Recovery ? Slowdown : 1);
        job.Detector.TakeOver(Found());
        job.Detector.StateOf(new Rank(Slow)).Slowdown.Should().BeApproximately(Slowdown, 1e-6, "it is what the verdict says until something is seen");

        job.Run(Recovery);
        job.Events.Should().BeEmpty("it was told already: {0}", job.Story());
        job.Detector.StateOf(new Rank(Slow)).Slowdown.Should().BeApproximately(Slowdown, 0.06, job.Story());
        job.Detector.StragglingCount.Should().Be(1);
        job.Run(60);

        DetectionEvent over = job.Events.Should().ContainSingle(job.Story()).Subject;
        (over.Kind, over.Rank, over.OnsetStep).Should().Be((DetectionEventKind.StragglerRecovered, new Rank(Slow), -400));
        over.ChangedAtStep.Should().BeInRange(Recovery, Recovery + 4);
        job.Detector.StragglingCount.Should().Be(0);
        job.Detector.StateOf(new Rank(Slow)).Slowdown.Should().BeApproximately(1, 0.04, job.Story());
    }

    [Theory]
    [InlineData(8)]
    [InlineData(2 * JobDetector.ScreenedFromRanks)]
    public void Verdict_OfARankThatRecoveredMeanwhile_EndsWhereThePeersSaySo(int ranks)
    {
        SyntheticJob job = Job(ranks, ranks, (_, _) => 1);
        job.Detector.TakeOver(Found());

        job.Run(100);

        job.Events.Should().ContainSingle(job.Story()).Which.Kind.Should().Be(DetectionEventKind.StragglerRecovered);
    }

    /// <summary>What it took before it was slow nobody here has seen: a steady time is no evidence.</summary>
    [Theory]
    [InlineData(8)]
    [InlineData(2 * JobDetector.ScreenedFromRanks)]
    public void Verdict_OfARankWithoutPeersWhoseTimeIsSteady_Stands(int ranks)
    {
        SyntheticJob job = Job(ranks, 1, (_, _) => 1);
        job.Detector.TakeOver(Found());

        job.Run(300);

        job.Events.Should().BeEmpty(job.Story());
        job.Detector.StateOf(new Rank(Slow)).Health.Should().Be(RankHealth.Straggling);
    }

    [Fact]
    public void Rank_ThatIsSlowAgainAfterItsVerdictEnded_IsFoundAnew()
    {
        SyntheticJob job = Job(8, 1, (rank, step) => rank == Slow && step is < 60 or >= 160 ? Slowdown : 1);
        job.Detector.TakeOver(Found());

        job.Run(220);

        job.Events.Select(found => found.Kind).Should().Equal(
            [DetectionEventKind.StragglerRecovered, DetectionEventKind.StragglerConfirmed], job.Story());
    }

    [Fact]
    public void Verdict_ForWantOfInput_StandsUntilTheInputComes()
    {
        SyntheticJob job = Job(8, 8, (_, _) => 1);
        job.InputMs = (rank, step) => rank == Slow && step < 90 ? 60 : 0;
        job.Detector.TakeOver(Found() with { Cause = Cause.Input });

        job.Run(90);
        job.Events.Should().BeEmpty(job.Story());
        job.Run(60);

        job.Events.Should().ContainSingle(job.Story()).Which.Cause.Should().Be(Cause.Input);
    }

    [Fact]
    public void Verdict_ThatAccusesNoRankOfTheJob_IsRefused()
    {
        SyntheticJob job = Job(8, 8, (_, _) => 1);

        foreach (Verdict bad in new[] { Found() with { Rank = new Rank(8) }, Found() with { Rank = null }, Found() with { Slowdown = 1 }, Found() with { Kind = VerdictKind.Creep } })
        {
            job.Detector.CanTakeOver(bad).Should().BeFalse();
            job.Detector.Invoking(detector => detector.TakeOver(bad)).Should().Throw<ArgumentException>();
        }

        job.Run(1);
        job.Detector.Invoking(detector => detector.TakeOver(Found())).Should().Throw<InvalidOperationException>();
    }

    private static Verdict Found() => new(
        new Rank(Slow), VerdictKind.PersistentSlowness, -400, -390, Slowdown, Cause.Compute, "by another");

    private static SyntheticJob Job(int ranks, int alike, Func<int, long, double> compute) => new(
        [.. Enumerable.Range(0, ranks).Select(rank => new RankCohort(0, new DeviceClass(alike == 1 && rank == Slow ? "H200" : "H100")))], 0.01, seed: 11)
    {
        Compute = compute,
    };
}
