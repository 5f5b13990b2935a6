using FsCheck;
using FsCheck.Fluent;
using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Tests.Baselines;

public sealed class OrderStatisticsTests
{
    // Few distinct values, so that ties are common; lengths on both sides of the insertion sort's limit.
    private static readonly Arbitrary<double[]> Samples = Arb.From(
        Gen.Choose(1, 90).SelectMany(length => Gen.Choose(-40, 40).Select(value => value / 8.0).ArrayOf(length)));

    private static readonly Config Check = Config.QuickThrowOnFailure.WithMaxTest(500).WithReplay(4_711, 1);

    [Fact]
    public void Select_AnyIndex_EqualsTheSortedValueAndPartitions() =>
        Prop.ForAll(Samples, values =>
        {
            double[] sorted = [.. values.Order()];
            for (int index = 0; index < values.Length; index += 1 + (values.Length / 7))
            {
                double[] scratch = [.. values];
                OrderStatistics.Select(scratch, index).Should().Be(sorted[index]);
                scratch.Take(index).All(value => value <= sorted[index]).Should().BeTrue();
                scratch.Skip(index).All(value => value >= sorted[index]).Should().BeTrue();
            }
        }).Check(Check);

    [Fact]
    public void Median_OfAnything_EqualsTheSortedMiddle() =>
        Prop.ForAll(Samples, values =>
        {
            OrderStatistics.Median([.. values]).Should().Be(SlowMedian(values));
            OrderStatistics.LowerMedian([.. values]).Should().Be(values.Order().ElementAt((values.Length - 1) / 2));
        }).Check(Check);

    [Fact]
    public void PeerMedian_WithoutAnyOne_EqualsTheMedianOfTheOthers() =>
        Prop.ForAll(Samples, values =>
        {
            PeerMedian peers = PeerMedian.Of([.. values]);
            peers.Count.Should().Be(values.Length);
            peers.OfAll().Should().Be(SlowMedian(values));
            for (int left = 0; values.Length > 1 && left < values.Length; left++)
            {
                peers.Without(values[left]).Should().Be(SlowMedian([.. values.Where((_, index) => index != left)]));
            }
        }).Check(Check);

    [Fact]
    public void Median_OfNothing_IsRefused()
    {
        Action median = () => OrderStatistics.Median([]);
        median.Should().Throw<ArgumentException>();
    }

    internal static double SlowMedian(IReadOnlyCollection<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : 0.5 * (sorted[middle - 1] + sorted[middle]);
    }
}
