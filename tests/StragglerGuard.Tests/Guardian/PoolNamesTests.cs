using StragglerGuard.Core;
using StragglerGuard.Guardian;

namespace StragglerGuard.Tests.Guardian;

public sealed class PoolNamesTests
{
    private static readonly DeviceClass H100 = new("H100");
    private static readonly DeviceClass A100 = new("A100");

    [Fact]
    public void Member_TooSlowForItsClass_GoesToThePoolThatItKeepsUpWith()
    {
        // Two classes and three pools: 1 s, 2 s, and who is slower than both. The H100 of 2.02 s keeps up with the A100s, near enough.
        double[] seconds = [1, 1, 1, 1, 2.02, 5, 2, 2, 2];
        DeviceClass[] classes = [H100, H100, H100, H100, H100, H100, A100, A100, A100];

        PoolNames.Of(seconds, classes, [4, 5], horizonSeconds: 600).Should().BeEquivalentTo(new Dictionary<int, string> { [4] = "A100", [5] = "H100 at 0.2" });
    }

    [Fact]
    public void Member_AsFastAsItsClass_GoesToItsClass() =>
        PoolNames.Of([1, 1, 1.01], [H100, H100, H100], [2], horizonSeconds: 600)[2].Should().Be("H100", "it may hang, and is not slow");

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(0)]
    [InlineData(double.PositiveInfinity)]
    public void Member_OfUnknownSpeed_GoesToItsClass(double seconds)
    {
        PoolNames.Of([1, 1, seconds], [H100, H100, A100], [2], horizonSeconds: 600)[2].Should().Be("A100");
        PoolNames.Of([seconds], [A100], [0], horizonSeconds: 600)[0].Should().Be("A100");
    }
}
