using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Attribution;

public sealed class CauseAttributionTests
{
    private static readonly CauseEvidence Slow = new() { Residual = 0.4, ResidualWithInput = double.NaN, OwnShift = 0.4 };

    public static TheoryData<string, Cause> Cases()
    {
        return new TheoryData<string, Cause>
        {
            { "own compute", Cause.Compute },
            { "no history", Cause.Compute },
            { "peers moved", Cause.Unknown },
            { "input", Cause.Input },
            { "little input", Cause.Compute },
            { "tokens", Cause.Workload },
            { "a few more tokens", Cause.Compute },
            { "low clock", Cause.Throttling },
            { "clock a little low", Cause.Compute },
            { "low clock, as all have", Cause.Compute },
            { "low clock, lower than all", Cause.Throttling },
            { "clock unknown, the others' high", Cause.Compute },
            { "driver says so", Cause.Throttling },
            { "driver says so, with clocks alike", Cause.Compute },
            { "drivers say so of all", Cause.Compute },
            { "node", Cause.Host },
            { "half of the node", Cause.Compute },
        };
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decide_OnEvidence_NamesWhatExplainsHalfOfIt(string what, Cause expected)
    {
        CauseEvidence evidence = what switch
        {
            "no history" => Slow with { OwnShift = double.NaN },
            "peers moved" => Slow with { OwnShift = 0.1 },
            "input" => Slow with { Residual = 0.01, ResidualWithInput = 0.4 },
            "little input" => Slow with { Residual = 0.4, ResidualWithInput = 0.45 },
            "tokens" => Slow with { ExplainedByWorkload = 0.3 },
            "a few more tokens" => Slow with { ExplainedByWorkload = 0.1 },
            "low clock" => Slow with { ClockSlowdown = Math.Log(1_800 / 1_200.0) },
            "clock a little low" => Slow with { ClockSlowdown = Math.Log(1_800 / 1_700.0) },
            "low clock, as all have" => Slow with { ClockSlowdown = 0.3, PeerClockSlowdown = 0.25, IsThrottled = true },
            "low clock, lower than all" => Slow with { ClockSlowdown = 0.1, PeerClockSlowdown = -0.2 },
            "clock unknown, the others' high" => Slow with { PeerClockSlowdown = -0.3 },
            "driver says so" => Slow with { IsThrottled = true },
            "driver says so, with clocks alike" => Slow with { IsThrottled = true, ClockSlowdown = 0, PeerClockSlowdown = 0 },
            "drivers say so of all" => Slow with { IsThrottled = true, ArePeersThrottled = true },
            "node" => Slow with { NodeMates = 3, SlowNodeMates = 3 },
            "half of the node" => Slow with { NodeMates = 3, SlowNodeMates = 1 },
            _ => Slow,
        };
        CauseAttribution.Decide(in evidence).Should().Be(expected);
    }

    [Theory]
    [InlineData(null, 1_800.0)]
    [InlineData(0.0, 1_800.0)]
    [InlineData(1_000.0, double.NaN)]
    public void DeviceReading_WithoutTwoClocks_SaysNothing(double? clock, double nominal) =>
        new DeviceReading(clock, double.IsNaN(nominal) ? null : nominal).LogSlowdown.Should().BeNull();

    [Fact]
    public void DeviceReading_OfADeviceThatIdles_SaysNothingOfItsSpeed() =>
        new DeviceReading(345, 1_980) { Limits = ClockLimits.Idle }.LogSlowdown.Should().BeNull();

    [Fact]
    public void Confidence_GrowsWithTheEffectAndShrinksWithTheNoise()
    {
        double min = Math.Log(1.1);
        VerdictConfidence.Of(0.5 * min, min, 0.02, 5).Should().BeApproximately(0.5, 1e-6);
        VerdictConfidence.Of(min, min, 0.02, 5).Should().BeGreaterThan(VerdictConfidence.Of(min, min, 0.08, 5));
        VerdictConfidence.Of(2, min, 0.02, 5).Should().Be(VerdictConfidence.Most);
        VerdictConfidence.Of(2, min, 0.02, 5, isLate: false).Should().BeApproximately(VerdictConfidence.ContradictedShare, 1e-6);
        VerdictConfidence.Of(2, min, 0.02, 5, isLate: true).Should().Be(VerdictConfidence.Most);
        VerdictConfidence.Of(double.NaN, min, 0.02, 5).Should().Be(0);
    }

    [Fact]
    public void Regression_OfTimeThatFollowsTheFeature_FindsTheSlope()
    {
        var random = new Random(3);
        var follows = new WorkloadRegression();
        var unrelated = new WorkloadRegression();
        for (int step = 0; step < 100; step++)
        {
            for (int rank = 0; rank < 8; rank++)
            {
                double feature = random.NextDouble() - 0.5;
                follows.Add(feature, (0.7 * feature) + (0.02 * (random.NextDouble() - 0.5)));
                unrelated.Add(feature, 0.1 * (random.NextDouble() - 0.5));
            }

            follows.EndStep();
            unrelated.EndStep();
        }

        follows.Slope.Should().BeApproximately(0.7, 0.02);
        unrelated.Slope.Should().Be(0);
        new WorkloadRegression().Slope.Should().Be(0);
    }

    [Fact]
    public void Culprit_InWords_NamesWhatIsKnown()
    {
        Culprit.At(new Rank(9), new Topology(2, 2, 4), 0, new NodeId("n1")).ToString().Should().Be("rank 9, replica 0, stage 1, node n1");
        Culprit.At(new Rank(9), null, 3, null).ToString().Should().Be("rank 9, stage 3");
        default(Culprit).ToString().Should().Be("the whole job");
    }
}
