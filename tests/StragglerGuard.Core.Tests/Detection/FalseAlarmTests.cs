namespace StragglerGuard.Core.Tests.Detection;

/// <summary>Healthy jobs in virtual time: 20 seeds of 400 steps for every fleet and noise, and not one verdict.</summary>
public sealed class FalseAlarmTests
{
    private const int Seeds = 20;
    private const int Steps = 400;

    public static TheoryData<int, double, double, double, double> Noises()
    {
        var data = new TheoryData<int, double, double, double, double>();
        foreach (int ranks in new[] { 0, 1, 2, 3, 4, 6, 8 })
        {
            data.Add(ranks, 0.005, 0, 0.01, 0);
            data.Add(ranks, 0.02, 0, 0, 0);
            data.Add(ranks, 0.02, 0, 0.01, 0);
            data.Add(ranks, 0.05, 0, 0, 0);
            data.Add(ranks, 0.05, 0, 0.01, 0);
            data.Add(ranks, 0.02, 0.5, 0, 0);
            data.Add(ranks, 0.05, 0.5, 0, 0);
            data.Add(ranks, 0.02, 0, 0, 0.03);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Noises))]
    public void Detector_OfAHealthyFleet_AccusesNobody(int ranks, double cv, double memory, double spikeShare, double commonCv)
    {
        var noise = new Noise(cv, memory, spikeShare, commonCv);
        for (int seed = 1; seed <= Seeds; seed++)
        {
            VirtualJob job = (ranks == 0 ? VirtualJob.Mixed(noise, seed) : VirtualJob.Equal(ranks, noise, seed)).Run(Steps);
            job.Confirmed.Should().BeEmpty(job.Story());
            job.Detector.StragglingCount.Should().Be(0);
        }
    }

    [Fact]
    public void Detector_OfALongHealthyRun_AccusesNobody()
    {
        VirtualJob job = VirtualJob.Equal(8, new Noise(0.03, SpikeShare: 0.01, CommonCv: 0.02), seed: 77).Run(20_000);
        job.Confirmed.Should().BeEmpty(job.Story());
    }
}
