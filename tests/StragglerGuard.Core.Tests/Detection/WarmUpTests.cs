using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Detection;

/// <summary>Programs begin slowly: code is compiled, caches are cold. That accuses nobody, and hides nothing that comes later.</summary>
public sealed class WarmUpTests
{
    private const int Onset = 150;

    private static readonly Noise OnePercent = new(0.01);

    [Theory]
    [InlineData(6)]
    [InlineData(14)]
    [InlineData(20)]
    public void Update_WhenARankOfItsOwnClassWarmedUpSlowly_StillFindsItSlowLater(int slowSteps)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            VirtualJob job = VirtualJob.Mixed(OnePercent, seed);
            job.Factor = (rank, step) => rank == 2 ? step < slowSteps ? 2 : step >= Onset ? 1.6 : 1 : 1;

            job.Run(Onset);
            job.Confirmed.Should().BeEmpty(job.Story());
            job.Run(8);

            job.Confirmed.Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(2));
        }
    }

    [Theory]
    [InlineData(30, 60)]
    [InlineData(100, 300)]
    [InlineData(150, 600)]
    public void Update_WhenARankOfItsOwnClassIsFasterForAWhile_AccusesItNotOnReturning(int from, int to)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            VirtualJob job = VirtualJob.Mixed(OnePercent, seed);
            job.Factor = (rank, step) => rank == 2 && step >= from && step < to ? 0.5 : 1;

            job.Run(to + 100);

            job.Confirmed.Should().BeEmpty(job.Story());
        }
    }
}
