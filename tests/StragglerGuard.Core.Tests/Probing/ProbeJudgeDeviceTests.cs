using StragglerGuard.Core.Probing;

namespace StragglerGuard.Core.Tests.Probing;

public sealed class ProbeJudgeDeviceTests
{
    private static readonly ProbeJudge Judge = new();

    private static readonly DeviceProbeReading[] Peers = [Reading(50_000, 2500), Reading(50_500, 2510), Reading(49_600, 2490), Reading(50_200, 2505)];

    [Fact]
    public void Device_AsFastAsItsPeers_IsFitAndSaysBothNumbers()
    {
        ProbeVerdict verdict = Judge.Device(Reading(48_800, 2480), Peers);
        verdict.Should().BeOfType<ProbeVerdict.Fit>(verdict.Reason);
        verdict.Reason.Should().StartWith("H100: ").And.ContainAll(
            "matrix products at 48800 GFLOP/s", "the median of 4 peers", "memory at 2480 GB/s", "1.03 times as long", "slow from 1.10× on");
    }

    [Theory]
    [InlineData(50_000 / 1.25, 2500, ProbedPart.Compute, 1.25)]
    [InlineData(50_000, 2500 / 1.8, ProbedPart.Memory, 1.8)]
    [InlineData(50_000 / 1.3, 2500 / 1.8, ProbedPart.Memory, 1.8)]
    public void Device_SlowInAPart_IsSlowByThatMuch(double gemm, double memory, ProbedPart part, double factor)
    {
        ProbeVerdict verdict = Judge.Device(Reading(gemm, memory), Peers);
        ProbeVerdict.Slow slow = verdict.Should().BeOfType<ProbeVerdict.Slow>(verdict.Reason).Subject;
        slow.Part.Should().Be(part);
        slow.Factor.Should().BeApproximately(factor, 0.02 * factor);
    }

    [Fact]
    public void Device_WithLessThanTenPercent_IsNeverSlow() =>
        Judge.Device(Reading(50_000 / 1.08, 2500 / 1.08), Peers).Should().BeOfType<ProbeVerdict.Fit>();

    [Fact]
    public void Device_WithinTheSpreadOfItsRepeats_IsUnknownNotFit()
    {
        ProbeVerdict verdict = Judge.Device(Reading(50_000 / 1.25, 2500, spread: 0.15), Peers);
        verdict.Should().BeOfType<ProbeVerdict.Unknown>(verdict.Reason).Which.Reason.Should().Contain("would go unseen");
    }

    [Fact]
    public void Device_WellBeyondTheSpread_IsSlowHoweverNoisy() =>
        Judge.Device(Reading(50_000 / 3, 2500, spread: 0.15), Peers).Should().BeOfType<ProbeVerdict.Slow>();

    [Fact]
    public void Device_AmongPeersThatDiffer_NeedsMoreToBeSlow()
    {
        DeviceProbeReading own = Reading(50_000 / 1.3, 2500);
        DeviceProbeReading[] scattered = [Reading(50_000, 2500), Reading(40_000, 2500), Reading(60_000, 2500), Reading(45_000, 2500), Reading(55_000, 2500)];
        Judge.Device(own, Peers).Should().BeOfType<ProbeVerdict.Slow>();
        Judge.Device(own, scattered).Should().BeOfType<ProbeVerdict.Unknown>();
    }

    [Fact]
    public void Device_IfAllAreAsSlow_IsNotAccused() =>
        Judge.Device(Reading(10_000, 500), [Reading(10_000, 500), Reading(10_050, 505), Reading(9_950, 495)]).Should().BeOfType<ProbeVerdict.Fit>();

    [Fact]
    public void Device_WithTooFewPeers_IsJudgedByWhatWasKnownBefore()
    {
        DeviceProbeReading prior = Reading(50_000, 2500);
        Judge.Device(Reading(25_000, 2500), [Reading(25_000, 2500)], prior)
            .Should().BeOfType<ProbeVerdict.Slow>().Which.Reason.Should().Contain("the one known from before");
        Judge.Device(Reading(50_100, 2500), [Reading(25_000, 2500)], prior).Should().BeOfType<ProbeVerdict.Fit>();
        Judge.Device(Reading(25_000, 2500), Peers[..2])
            .Should().BeOfType<ProbeVerdict.Unknown>().Which.Reason.Should().Contain("2 peers of the same class and problem size, 3 are needed");
    }

    [Fact]
    public void Device_OfAnotherClassOrProblemSize_IsNoYardstick()
    {
        DeviceProbeReading own = Reading(50_000, 2500);
        DeviceProbeReading[] others = [.. Enumerable.Range(0, 5).Select(_ => Reading(90_000, 4000, name: "GB200"))];
        DeviceProbeReading[] otherSizes = [.. Enumerable.Range(0, 5).Select(_ => Reading(90_000, 4000, order: 512, bytes: 1 << 20))];
        foreach (DeviceProbeReading[] peers in new[] { others, otherSizes })
        {
            Judge.Device(own, peers, peers[0]).Should().BeOfType<ProbeVerdict.Unknown>().Which.Reason.Should().Contain("0 peers");
        }
    }

    [Fact]
    public void Device_WithAPartUnknown_IsNotFitButCanBeSlow()
    {
        DeviceProbeReading good = Reading(50_000, 2500);
        DeviceProbeReading half = good with { Memory = good.Memory! with { GBPerSecond = default } };
        Judge.Device(half, Peers).Should().BeOfType<ProbeVerdict.Unknown>();
        Judge.Device(half with { Gemm = Reading(20_000, 1).Gemm }, Peers).Should().BeOfType<ProbeVerdict.Slow>().Which.Part.Should().Be(ProbedPart.Compute);
        Judge.Device(good with { Memory = null }, Peers).Should().BeOfType<ProbeVerdict.Fit>("what was not probed is not judged");
        Judge.Device(new DeviceProbeReading(null, null), Peers).Should().BeOfType<ProbeVerdict.Unknown>();
    }

    [Fact]
    public void Device_WithUnsoundPeers_LeavesThemOut()
    {
        DeviceProbeReading broken = Reading(double.NaN, double.NaN);
        Judge.Device(Reading(25_000, 2500), [.. Peers, broken, broken]).Should().BeOfType<ProbeVerdict.Slow>();
        Judge.Device(broken, Peers).Should().BeOfType<ProbeVerdict.Unknown>();
    }

    [Fact]
    public void Options_OutOfRange_AreAllNamedAtOnce() =>
        FluentActions.Invoking(() => new ProbeJudge(new ProbeJudgeOptions { EffectMin = 0, SpreadSigmas = double.NaN, OverlookedMax = -1 }))
            .Should().Throw<ArgumentException>().Which.Message.Should().ContainAll("EffectMin", "SpreadSigmas", "OverlookedMax");

    private static DeviceProbeReading Reading(
        double gemm, double memory, double spread = 0.01, string name = "H100", int order = 4096, long bytes = 1 << 26) => new(
        new GemmReading(new DeviceClass(name), order, new ProbeFigure(gemm, spread, 25)),
        new MemoryReading(new DeviceClass(name), bytes, new ProbeFigure(memory, spread, 25)));
}
