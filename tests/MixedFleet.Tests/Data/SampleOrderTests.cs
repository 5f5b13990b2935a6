using FsCheck;
using FsCheck.Fluent;
using MixedFleet.Data;

namespace MixedFleet.Tests.Data;

public sealed class SampleOrderTests
{
    [Fact]
    public void At_OverAllPlaces_GivesEveryNumberOnce()
    {
        Gen<(int Count, ulong Key)> order =
            from count in Gen.Frequency((1, Gen.Choose(1, 20)), (3, Gen.Choose(1, 5000)))
            from key in Gen.Choose(0, int.MaxValue)
            select (count, (ulong)key);
        Prop.ForAll(order.ToArbitrary(), it =>
        {
            SampleOrder numbers = new(it.Key, it.Count);
            bool[] seen = new bool[it.Count];
            for (int place = 0; place < it.Count; place++)
            {
                int number = numbers.At(place);
                seen[number].Should().BeFalse("number {0} may stand at one place only, of {1}, key {2}", number, it.Count, it.Key);
                seen[number] = true;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200).WithReplay(20250401, 1));
    }

    [Fact]
    public void At_OfAVeryLargeRange_StaysInside()
    {
        SampleOrder numbers = new(3, int.MaxValue);
        foreach (int place in new[] { 0, 1, int.MaxValue / 2, int.MaxValue - 1 })
        {
            numbers.At(place).Should().BeInRange(0, int.MaxValue - 1);
        }
    }

    [Fact]
    public void At_OverAllPlaces_LeadsAnywhereAlike()
    {
        const int count = 100_000;
        SampleOrder numbers = new(11, count);
        int[] parts = new int[20];
        for (int place = 0; place < count; place++)
        {
            parts[(numbers.At(place) + count - place) % count / (count / 20)]++;
        }

        // The distance from a place to its number, in 20 parts of the range: 5,000 each, σ ≈ 69. A shift would put all into one.
        parts.Should().OnlyContain(hits => hits > 4600 && hits < 5400);
    }

    [Fact]
    public void At_OutOfRange_Throws()
    {
        FluentActions.Invoking(() => new SampleOrder(1, 0)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new SampleOrder(1, 5).At(5)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new SampleOrder(1, 5).At(-1)).Should().Throw<ArgumentOutOfRangeException>();
    }
}
