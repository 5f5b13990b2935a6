using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Detection;

public sealed class TwoSidedCusumTests
{
    private static readonly DetectionParameters Parameters = DetectionParameters.Peers;

    [Fact]
    public void Add_BelowTheReference_StaysAtZero()
    {
        var cusum = default(TwoSidedCusum);
        for (int step = 0; step < 100; step++)
        {
            cusum.Add(step % 2 == 0 ? 1 : -1, step, Parameters);
        }

        cusum.Up.Should().Be(0);
        cusum.Down.Should().Be(0);
    }

    [Fact]
    public void Add_AStep_GrowsByTheClippedExcessAndKeepsTheOnset()
    {
        var cusum = default(TwoSidedCusum);
        cusum.Add(2, 4, Parameters);
        cusum.Add(-5, 5, Parameters);
        cusum.Up.Should().Be(0);
        cusum.Down.Should().Be(2, "−5 is clipped to −3");
        cusum.DownOnsetStep.Should().Be(5);
        for (int step = 10; step < 15; step++)
        {
            cusum.Add(50, step, Parameters);
        }

        cusum.Up.Should().Be(10);
        cusum.UpOnsetStep.Should().Be(10);
        cusum.Down.Should().Be(0);
    }

    [Fact]
    public void Add_ForVeryLong_IsHeldAtTwiceTheLimit()
    {
        var cusum = default(TwoSidedCusum);
        for (int step = 0; step < 1_000; step++)
        {
            cusum.Add(3, step, Parameters);
        }

        cusum.Up.Should().Be(2 * Parameters.DecisionLimitZ);
        cusum.UpOnsetStep.Should().Be(0);
        cusum.Reset();
        cusum.Up.Should().Be(0);
    }

    [Fact]
    public void DecisionLimit_BySiegmund_GivesTheRunLengthThatTheDocumentationStates()
    {
        static double RunLength(double k, double h)
        {
            double b = h + 1.166;
            return (Math.Exp(2 * k * b) - (2 * k * b) - 1) / (2 * k * k);
        }

        double k = Parameters.ReferenceZ;
        double h = Parameters.DecisionLimitZ;
        RunLength(k, h).Should().BeApproximately(2.5e9, 0.05e9);
        RunLength(0.8 * k, 0.8 * h).Should().BeApproximately(1.8e6, 0.05e6);
    }
}
