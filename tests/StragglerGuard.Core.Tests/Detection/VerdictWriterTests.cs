using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Detection;

public sealed class VerdictWriterTests
{
    private static readonly RankCohort H100 = new(0, new DeviceClass("H100"));

    private static readonly DetectionEvent Confirmed = new()
    {
        Kind = DetectionEventKind.StragglerConfirmed,
        Rank = new Rank(1),
        Verdict = VerdictKind.PersistentSlowness,
        Mode = DetectionMode.Peers,
        OnsetStep = 150,
        RaisedAtStep = 154,
        Slowdown = 2,
        Residual = Math.Log(2),
        OwnShift = Math.Log(2.02),
        Sigma = 0.02,
        Threshold = Math.Log(1.1),
        RanksCompared = 5,
        Cause = Cause.Compute,
        Confidence = 0.99,
    };

    [Fact]
    public void Write_OfAStragglerAmongPeers_GivesTheNumbersAndThePeers() =>
        VerdictWriter.Write(Confirmed, H100).Should().Be(new Verdict(
            new Rank(1), VerdictKind.PersistentSlowness, 150, 154, 2, Cause.Compute,
            "rank 1 takes 2.00× the time per unit of work of its 5 H100 peers (median), 2.02× its own history, since step 150; the least that counts is 1.10×, noise σ 2.0 %")
        {
            Confidence = 0.99,
            Evidence = new VerdictEvidence(Math.Log(2), Math.Log(2.02), 0.02, Math.Log(1.1), 5),
        });

    [Theory]
    [InlineData(Cause.Input, "wait for input")]
    [InlineData(Cause.Host, "other ranks of its node")]
    [InlineData(Cause.Workload, "more work")]
    [InlineData(Cause.Throttling, "reduced clock")]
    public void Write_WithACause_SaysItInWords(Cause cause, string expected)
    {
        Verdict verdict = VerdictWriter.Write(Confirmed with { Cause = cause }, H100);
        verdict.Cause.Should().Be(cause);
        verdict.Reason.Should().Contain(expected);
        verdict.AccusesRank.Should().BeTrue();
    }

    [Fact]
    public void Write_OfARankSlowFromTheStart_CitesNoHistory()
    {
        Verdict verdict = VerdictWriter.Write(
            Confirmed with { Verdict = VerdictKind.SlowFromStart, OwnShift = double.NaN }, H100 with { Stage = 2 });
        verdict.Reason.Should().Contain("H100 of stage 2 peers").And.Contain("from its first step").And.NotContain("history");
        verdict.Cause.Should().Be(Cause.Compute);
    }

    [Theory]
    [InlineData(0, "of its own history,")]
    [InlineData(1, "the 1 other judged rank,")]
    [InlineData(3, "the 3 other judged ranks,")]
    public void Write_AgainstOwnHistory_SaysWhatWasTakenOff(int others, string expected) =>
        VerdictWriter.Write(Confirmed with { Mode = DetectionMode.OwnHistory, RanksCompared = others }, H100).Reason.Should().Contain(expected);

    [Fact]
    public void Describe_OfRecoveryAndCommonShift_AreSentencesOfTheirOwn()
    {
        VerdictWriter.Describe(Confirmed with { Kind = DetectionEventKind.StragglerRecovered, Slowdown = 1.01 }, H100)
            .Should().Be("rank 1 is back to 1.01× the time per unit of work of its 5 H100 peers (median): the slowness since step 150 ended, certain at step 154");
        VerdictWriter.Describe(
            Confirmed with { Kind = DetectionEventKind.CommonShiftDetected, Rank = null, RanksShifted = 6, RanksCompared = 6 }, default)
            .Should().Be("6 of 6 judged ranks went to 2.00× their time per unit of work together from step 150: the cause is common and no rank is accused");
    }

    [Fact]
    public void Write_OfAnythingElse_IsRefused()
    {
        Action write = () => VerdictWriter.Write(Confirmed with { Kind = DetectionEventKind.StragglerRecovered }, H100);
        write.Should().Throw<ArgumentException>();
    }
}
