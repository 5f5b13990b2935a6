using StragglerGuard.Core.Probing;

namespace StragglerGuard.Core.Tests.Probing;

public sealed class ProbeFigureTests
{
    [Fact]
    public void Of_Samples_IsTheirMedianAndRelativeSpread()
    {
        ProbeFigure figure = ProbeFigure.Of([10, 12, 8, 11, 500]);
        figure.Median.Should().Be(11);
        figure.RelativeSpread.Should().BeApproximately(1.4826 * 1 / 11, 1e-12, "deviations are 0, 1, 1, 3 and 489");
        figure.Repeats.Should().Be(5);
        figure.IsKnown.Should().BeTrue();
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(0)]
    [InlineData(-1)]
    public void Of_AValueThatIsNoMeasurement_Throws(double value) =>
        FluentActions.Invoking(() => ProbeFigure.Of([1, value, 2])).Should().Throw<ArgumentException>();

    [Fact]
    public void Of_Nothing_Throws() => FluentActions.Invoking(() => ProbeFigure.Of([])).Should().Throw<ArgumentException>();

    [Theory]
    [InlineData(1, 0, 2)]
    [InlineData(double.NaN, 0, 9)]
    [InlineData(0, 0, 9)]
    [InlineData(1, double.NaN, 9)]
    [InlineData(1, -0.1, 9)]
    [InlineData(double.PositiveInfinity, 0, 9)]
    public void IsKnown_OfTooLittleOrUnsound_IsFalse(double median, double spread, int repeats) =>
        new ProbeFigure(median, spread, repeats).IsKnown.Should().BeFalse();
}
