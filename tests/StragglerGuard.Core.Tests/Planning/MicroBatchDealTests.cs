using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class MicroBatchDealTests
{
    private static readonly MicroBatchDeal Deal = new(new PlanEpoch(41), [3, 0, 5]);

    [Fact]
    public void Deal_EachRank_KnowsItsMicroBatches()
    {
        Deal.Ranks.Should().Be(3);
        Deal.Total.Should().Be(8);
        new[] { 0, 1, 2 }.Select(r => (Deal.First(new Rank(r)), Deal.End(new Rank(r)), Deal.Count(new Rank(r))))
            .Should().Equal((0, 3, 3), (3, 3, 0), (3, 8, 5));
        Deal.ToString().Should().Be("epoch 41: [3, 0, 5]");
    }

    [Fact]
    public void Deal_CallersArrayChangesLater_StaysAsItWas()
    {
        var counts = new[] { 1, 2 };
        var deal = new MicroBatchDeal(PlanEpoch.Initial, counts);
        counts[0] = 9;

        deal.MicroBatches.ToArray().Should().Equal(1, 2);
    }

    [Fact]
    public void Hash_IsFnv1aOfTheEncoding()
    {
        // Worked out apart from the code under test: FNV-1a over the little-endian epoch (8 bytes) and counts (4 bytes each).
        ulong expected = 14695981039346656037;
        byte[] encoded = [41, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0];
        foreach (var octet in encoded)
        {
            expected = unchecked((expected ^ octet) * 1099511628211);
        }

        Deal.Hash.Should().Be(expected);
        new MicroBatchDeal(new PlanEpoch(42), [3, 0, 5]).Hash.Should().NotBe(Deal.Hash);
        new MicroBatchDeal(new PlanEpoch(41), [3, 1, 4]).Hash.Should().NotBe(Deal.Hash);
    }

    [Fact]
    public void Write_ThenTryRead_GivesAnEqualDeal()
    {
        var bytes = new byte[Deal.EncodedLength];

        Deal.Write(bytes).Should().Be(bytes.Length);

        MicroBatchDeal.TryRead(bytes, out var read, out var reason).Should().BeTrue();
        read.Should().Be(Deal);
        read!.GetHashCode().Should().Be(Deal.GetHashCode());
        reason.Should().BeEmpty();
        MicroBatchDeal.EncodedLengthOf(3).Should().Be(bytes.Length);
    }

    [Fact]
    public void TryRead_AnyByteChanged_IsRefusedWithAReason()
    {
        var bytes = new byte[Deal.EncodedLength];
        Deal.Write(bytes);
        for (var at = 0; at < bytes.Length; at++)
        {
            bytes[at] ^= 0x81;

            MicroBatchDeal.TryRead(bytes, out var read, out var reason).Should().BeFalse($"byte {at} is changed");

            read.Should().BeNull();
            reason.Should().NotBeEmpty();
            bytes[at] ^= 0x81;
        }
    }

    [Fact]
    public void TryRead_AnyOtherLength_IsRefused()
    {
        var bytes = new byte[Deal.EncodedLength + 4];
        Deal.Write(bytes);
        for (var length = 0; length <= bytes.Length; length++)
        {
            MicroBatchDeal.TryRead(bytes.AsSpan(0, length), out _, out _).Should().Be(length == Deal.EncodedLength, $"{length} bytes");
        }
    }

    [Theory]
    [InlineData(0, "a deal with")]
    [InlineData(4, "version")]
    [InlineData(6, "bytes 6 and 7")]
    [InlineData(15, "negative")]
    [InlineData(16, "ranks don't fit")]
    [InlineData(23, "rank 0 is dealt")]
    [InlineData(24, "the hash is")]
    public void TryRead_DamagedField_NamesIt(int at, string named)
    {
        var bytes = new byte[Deal.EncodedLength];
        Deal.Write(bytes);
        bytes[at] ^= 0x80;

        MicroBatchDeal.TryRead(bytes, out _, out var reason).Should().BeFalse();

        reason.Should().Contain(named);
    }

    [Fact]
    public void Deal_BadArguments_Throws()
    {
        FluentActions.Invoking(() => new MicroBatchDeal(new PlanEpoch(-1), [1])).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new MicroBatchDeal(PlanEpoch.Initial, [])).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new MicroBatchDeal(PlanEpoch.Initial, [1, -1])).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new MicroBatchDeal(PlanEpoch.Initial, [int.MaxValue, 1])).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => Deal.Count(new Rank(3))).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => Deal.First(new Rank(-1))).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => Deal.Write(new byte[3])).Should().Throw<ArgumentException>();
    }
}
