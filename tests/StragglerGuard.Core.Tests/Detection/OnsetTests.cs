using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Detection;

public sealed class OnsetTests
{
    private const int Onset = 150;

    /// <summary>A step that is a little slow before the change sets the CUSUM off early; the onset is where the change is.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void OnsetStep_AfterANoisyStepJustBefore_IsTheStepOfTheChange(bool withPeers)
    {
        for (int seed = 1; seed <= 20; seed++)
        {
            VirtualJob job = withPeers ? VirtualJob.Equal(6, new Noise(0.003), seed) : VirtualJob.Mixed(new Noise(0.003), seed);
            job.Factor = (rank, step) => rank != 1 ? 1
                : step >= Onset ? 2
                : step == Onset - 6 ? 1.08
                : step >= Onset - 5 ? 1.015
                : 1;

            job.Run(Onset + 8);

            job.Confirmed.Should().ContainSingle(job.Story()).Which.OnsetStep.Should().Be(Onset, job.Story());
        }
    }
}
