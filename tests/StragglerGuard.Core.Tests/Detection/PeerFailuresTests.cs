using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Detection;

/// <summary>Where other detectors are known to fail, one fact each.</summary>
public sealed class PeerFailuresTests
{
    private const int Onset = 120;

    [Fact]
    public void Victims_ThatWaitInTheCollective_AreNotAccused()
    {
        // Timing the all-reduce flags those that wait: here they wait 20 ms longer, and the culprit least of all.
        var job = new SyntheticJob(4, 0.01, seed: 61) { Compute = (rank, step) => rank == 2 && step >= Onset ? 1.2 : 1 };
        job.Run(Onset + 40);
        job.Confirmed.Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(2), "1.2× is found, too");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Onset)]
    public void OneRankTwiceAsFast_FlagsNobody(int from)
    {
        var job = new SyntheticJob(4, 0.01, seed: 62) { Compute = (rank, step) => rank == 2 && step >= from ? 0.5 : 1 };
        job.Run(400);
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Fact]
    public void ARankThatSkipsItsWork_IsUnknownAndHidesNobody()
    {
        var job = new SyntheticJob(6, 0.01, seed: 63)
        {
            Units = rank => rank == 0 ? 0 : 5,
            Compute = (rank, step) => rank == 3 && step >= Onset ? 1.5 : 1,
        };
        job.Run(Onset + 30);
        job.Confirmed.Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(3));
        job.Detector.StateOf(new Rank(0)).Health.Should().Be(RankHealth.Learning);
        job.Detector.StateOf(new Rank(0)).Slowdown.Should().Be(double.NaN, "what is not known is not healthy");
    }

    [Fact]
    public void OneBadWindow_FlagsNobody()
    {
        var job = new SyntheticJob(6, 0.01, seed: 64) { Compute = (rank, step) => rank == 3 && step is >= Onset and < Onset + 2 ? 4 : 1 };
        job.Run(400);
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Fact]
    public void HealthyRanks_OfTenPercentSpreadFromStepToStep_AreLeftAlone()
    {
        // |x − median| > max(MAD, 10 %) flags 82 of 256.
        var job = new SyntheticJob(256, 0.10, seed: 65);
        job.Run(400);
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Fact]
    public void TwoNodes_OneOfThemSlow_TheSlowOneIsFound()
    {
        NodeId[] nodes = [new("a"), new("b")];
        var job = new SyntheticJob(2, 0.01, seed: 66, options: new JobDetectorOptions { Nodes = nodes }) { Compute = (rank, step) => rank == 1 && step >= Onset ? 1.5 : 1 };
        job.Run(Onset + 30);
        DetectionEvent found = job.Confirmed.Should().ContainSingle(job.Story()).Subject;
        VerdictWriter.Write(in found, job.Detector).Culprit.Node.Should().Be(nodes[1]);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void HalfOfTheRanksAndMore_AreAllNamed(int culprits)
    {
        var job = new SyntheticJob(8, 0.01, seed: 67) { Compute = (rank, step) => rank < culprits && step >= Onset ? 1.4 : 1 };
        job.Run(Onset + 40);
        job.Confirmed.Select(e => e.Rank!.Value.Value).Should().BeEquivalentTo(Enumerable.Range(0, culprits), job.Story());
    }

    [Fact]
    public void TwoCulpritsOfDifferentSize_AreBothNamed()
    {
        var job = new SyntheticJob(8, 0.01, seed: 68) { Compute = (rank, step) => step < Onset ? 1 : rank == 1 ? 2 : rank == 6 ? 1.2 : 1 };
        job.Run(Onset + 40);
        job.Confirmed.Select(e => e.Rank!.Value.Value).Should().BeEquivalentTo([1, 6], job.Story());
    }

    [Fact]
    public void SlownessOfSevenPercent_IsReportedAndNotActedUpon()
    {
        var job = new SyntheticJob(8, 0.01, seed: 69) { Compute = (rank, step) => rank == 4 && step >= Onset ? 1.067 : 1 };
        job.Run(Onset + 60);
        job.Raised(VerdictKind.Creep).Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(4));
        job.Confirmed.Should().BeEmpty(job.Story());
    }

    [Fact]
    public void ADeviceClassWithOneMember_IsJudgedByItsOwnHistory()
    {
        RankCohort h100 = new(0, new DeviceClass("H100"));
        RankCohort gb200 = new(0, new DeviceClass("GB200"));
        var job = new SyntheticJob([h100, h100, h100, h100, gb200], 0.01, seed: 70)
        {
            Compute = (rank, step) => rank < 4 ? 1 : step >= Onset ? 0.65 : 0.5,
        };
        job.Run(Onset + 30);
        job.Confirmed.Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(4));
    }

    [Fact]
    public void ConsecutiveSmallSteps_OfWhichNoneIsTenPercent_AreFoundAsTheyAddUp()
    {
        // Greyhound misses consecutive steps under 10 %.
        var job = new SyntheticJob(8, 0.01, seed: 71) { Compute = (rank, step) => rank == 5 ? 1 + (0.06 * Math.Clamp((step - 60) / 40, 0, 4)) : 1 };
        job.Run(400);
        job.Events.Where(e => e.Rank is not null).Should().OnlyContain(e => e.Rank == new Rank(5), job.Story());
        job.Raised(VerdictKind.Creep).Should().NotBeEmpty(job.Story());
        job.Confirmed.Should().NotBeEmpty(job.Story());
    }

    [Fact]
    public void Input_TheFabricAndTheDevice_AreToldApart()
    {
        Cause CauseOf(SyntheticJob job) => job.Run(Onset + 60).Events
            .First(e => e.Kind is DetectionEventKind.StragglerConfirmed or DetectionEventKind.FindingRaised).Cause;
        CauseOf(new SyntheticJob(6, 0.01, seed: 72) { Compute = (rank, step) => rank == 1 && step >= Onset ? 1.3 : 1 }).Should().Be(Cause.Compute);
        CauseOf(new SyntheticJob(6, 0.01, seed: 72) { InputMs = (rank, step) => rank == 1 && step >= Onset ? 40 : 1 }).Should().Be(Cause.Input);
        CauseOf(new SyntheticJob(6, 0.01, seed: 72) { TransferMs = step => step >= Onset ? 30 : 5 }).Should().Be(Cause.Fabric);
    }
}
