using MixedFleet.Model;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Tests.Model;

public sealed class UnevenExampleTests
{
    [Theory]
    [InlineData(2, 2)]
    [InlineData(32, 4)]
    [InlineData(32, 6)]
    [InlineData(7, 7)]
    public void ExampleOfUneven_OfAnEvenDeal_DealsAsManyOtherwise(int total, int ranks)
    {
        int[] even = EvenDeal.Of(total, ranks);

        int[] uneven = GradientCheck.ExampleOfUneven(even);

        uneven.Should().NotEqual(even);
        uneven.Sum().Should().Be(total);
        uneven.Should().OnlyContain(count => count >= 0);
    }

    [Fact]
    public void ExampleOfUneven_OfOneRank_IsTheEvenDeal() => GradientCheck.ExampleOfUneven([32]).Should().Equal(32);
}
