using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.Timing;

public sealed class LagCalculatorTests
{
    [Fact]
    public void Compute_WhenOneRankComesLate_NamesTheOneThatWaitsLeast()
    {
        var calculator = new LagCalculator(4);

        LagSample sample = calculator.Compute(Timings.Frame(9_000, 1_000, 10_000, 8_000), exitSkewNs: 100);

        sample.Should().Be(new LagSample
        {
            Step = 7,
            PresentCount = 4,
            Standing = LagStanding.Counts,
            TransferNs = 1_000,
            SpreadNs = 9_000,
            GateNs = 500,
            LastArriver = new Rank(1),
            GapNs = 7_000,
            WaitCausedNs = 21_000,
        });
        calculator.LagNs.ToArray().Should().Equal(1_000, 9_000, 0, 2_000);
    }

    [Theory]
    [InlineData(499, LagStanding.BelowGate)]
    [InlineData(500, LagStanding.BelowGate)]
    [InlineData(501, LagStanding.Counts)]
    public void Compute_AroundTheGate_CountsOnlyAboveFiveSkews(long spreadNs, LagStanding expected)
    {
        LagSample sample = new LagCalculator(2).Compute(Timings.Frame(1_000, 1_000 + spreadNs), exitSkewNs: 100);
        sample.Standing.Should().Be(expected);
        sample.LastArriver.HasValue.Should().Be(expected == LagStanding.Counts);
        sample.WaitCausedNs.Should().Be(expected == LagStanding.Counts ? spreadNs : 0);
    }

    [Fact]
    public void Compute_WithoutASkew_KnowsTransferButNobodysLateness()
    {
        LagSample sample = new LagCalculator(2).Compute(Timings.Frame(1_000, 900_000), exitSkewNs: null);
        sample.Standing.Should().Be(LagStanding.SkewUnknown);
        sample.LastArriver.Should().BeNull();
        sample.TransferNs.Should().Be(1_000);
        sample.GateNs.Should().BeNull();
    }

    [Fact]
    public void Compute_WithARankMissing_NamesNobodyAndLeavesItsLagUnknown()
    {
        var calculator = new LagCalculator(3);
        LagSample sample = calculator.Compute(Timings.Frame(1_000, null, 900_000), exitSkewNs: 1);
        sample.Standing.Should().Be(LagStanding.FrameIncomplete);
        sample.LastArriver.Should().BeNull();
        sample.WaitCausedNs.Should().Be(0);
        calculator.LagNs.ToArray().Should().Equal(899_000, LagCalculator.Unknown, 0);
    }

    [Fact]
    public void Compute_WithTwoRanksLastAtOnce_NamesNeither() =>
        new LagCalculator(3).Compute(Timings.Frame(1_000, 1_000, 900_000), exitSkewNs: 1).Standing.Should().Be(LagStanding.Tied);

    [Fact]
    public void Compute_WithOneRank_HasNobodyToBeLateFor() =>
        new LagCalculator(1).Compute(Timings.Frame(1_000), exitSkewNs: 0).Standing.Should().Be(LagStanding.SingleRank);

    [Fact]
    public void Compute_WithAbsurdDurations_StaysPositive()
    {
        LagSample sample = new LagCalculator(3).Compute(Timings.Frame(0, long.MaxValue - 600, long.MaxValue - 600), exitSkewNs: 1);
        sample.Standing.Should().Be(LagStanding.Counts);
        sample.WaitCausedNs.Should().BePositive();
    }

    [Fact]
    public void Compute_AFrameOfAnotherSize_IsRefused()
    {
        Action compute = () => new LagCalculator(3).Compute(Timings.Frame(1, 2), exitSkewNs: 1);
        compute.Should().Throw<ArgumentException>().WithMessage("*2 ranks*3*");
    }
}
