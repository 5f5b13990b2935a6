using MixedFleet.Data;

namespace MixedFleet.Tests.Data;

public sealed class CounterHashTests
{
    [Fact]
    public void Unit_OverTheWholeRangeOfHashes_StaysInside()
    {
        CounterHash.Unit(0).Should().Be(0);
        CounterHash.Unit(1UL << 63).Should().Be(0.5);
        CounterHash.Unit(ulong.MaxValue).Should().Be(Math.BitDecrement(1.0));
    }

    [Fact]
    public void Symmetric_OverTheWholeRangeOfHashes_StaysInside()
    {
        CounterHash.Symmetric(0).Should().Be(-1);
        CounterHash.Symmetric(1UL << 63).Should().Be(0);
        CounterHash.Symmetric(ulong.MaxValue).Should().BeInRange(0.999999, Math.BitDecrement(1.0));
    }

    [Fact]
    public void Combine_OverConsecutiveParts_FillsAllBucketsAlike()
    {
        int[] buckets = new int[16];
        for (ulong part = 0; part < 16_000; part++)
        {
            buckets[(int)(16 * CounterHash.Unit(CounterHash.Combine(1, part)))]++;
        }

        // 1,000 expected each, σ ≈ 31.
        buckets.Should().OnlyContain(count => count > 850 && count < 1150);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(19)]
    public void OfBits_WhenAnyBitFlips_Differs(int length)
    {
        byte[] bytes = [.. Enumerable.Range(0, length).Select(i => (byte)(i * 37))];
        ulong before = CounterHash.OfBits<byte>(bytes);
        HashSet<ulong> hashes = [before];
        for (int bit = 0; bit < length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            hashes.Add(CounterHash.OfBits<byte>(bytes));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        hashes.Should().HaveCount((length * 8) + 1);
        CounterHash.OfBits<byte>(bytes).Should().Be(before);
    }

    [Fact]
    public void OfBits_OfMinusZeroAndZero_Differs() =>
        CounterHash.OfBits<double>([0.0]).Should().NotBe(CounterHash.OfBits<double>([-0.0]));
}
