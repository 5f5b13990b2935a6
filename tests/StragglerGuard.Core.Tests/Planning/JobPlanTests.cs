using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class JobPlanTests
{
    private static readonly JobPlan Plan = new(new PlanEpoch(41), new Generation(2), [3, -1, 0, 5], deadlineNs: 1_500_000, backups: 1, isTrial: true);

    [Fact]
    public void Plan_ASlotIsNoMember_MembersAreNumberedWithoutIt()
    {
        Plan.Slots.Should().Be(4);
        Plan.Members.Should().Be(3);
        Plan.Total.Should().Be(8);
        Plan.MemberSlots.ToArray().Should().Equal(0, 2, 3);
        new[] { 0, 1, 2, 3 }.Select(Plan.NumberOf).Should().Equal(0, -1, 1, 2);
        Plan.Deal.Should().Be(new MicroBatchDeal(new PlanEpoch(41), [3, 0, 5]));
        Plan.ToString().Should().Be("epoch 41, generation 2: [3 - 0 5], deadline 1.5 ms, 1 backup workers, after a trial");
        FluentActions.Invoking(() => Plan.NumberOf(4)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Plan_CallersArrayChangesLater_StaysAsItWas()
    {
        var shares = new[] { 1, 2 };
        var plan = new JobPlan(PlanEpoch.Initial, default, shares);
        shares[0] = 9;

        plan.Shares.ToArray().Should().Equal(1, 2);
    }

    [Fact]
    public void Follow_GivesTheMembersNewSharesAndKeepsWhoIsIn()
    {
        var next = Plan.Follow(new PlanEpoch(50), [1, 4, 3]);

        next.Should().Be(new JobPlan(new PlanEpoch(50), new Generation(2), [1, -1, 4, 3]));
        FluentActions.Invoking(() => Plan.Follow(new PlanEpoch(50), [1, 4, 3, 0])).Should().Throw<ArgumentException>();
    }

    [Fact]
    public void Hash_IsFnv1aOverAllFields()
    {
        // Worked out apart from the code under test: little-endian epoch (8 bytes), generation (4), backups (4), trial (1), deadline (8), shares (4 each).
        ulong expected = 14695981039346656037;
        byte[] encoded =
        [
            41, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0x60, 0xE3, 0x16, 0, 0, 0, 0, 0,
            3, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 5, 0, 0, 0,
        ];
        foreach (var octet in encoded)
        {
            expected = unchecked((expected ^ octet) * 1099511628211);
        }

        Plan.Hash.Should().Be(expected);
    }

    [Fact]
    public void Equals_AnyFieldDiffers_IsAnotherPlanWithAnotherHash()
    {
        int[] shares = [3, -1, 0, 5];
        JobPlan[] others =
        [
            new(new PlanEpoch(42), new Generation(2), shares, 1_500_000, 1, true),
            new(new PlanEpoch(41), new Generation(3), shares, 1_500_000, 1, true),
            new(new PlanEpoch(41), new Generation(2), [3, 0, 0, 5], 1_500_000, 1, true),
            new(new PlanEpoch(41), new Generation(2), shares, 1_500_001, 1, true),
            new(new PlanEpoch(41), new Generation(2), shares, 1_500_000, 2, true),
            new(new PlanEpoch(41), new Generation(2), shares, 1_500_000, 1, false),
        ];

        others.Should().OnlyContain(other => !other.Equals(Plan) && other.Hash != Plan.Hash);
        new JobPlan(new PlanEpoch(41), new Generation(2), shares, 1_500_000, 1, true).Should().Be(Plan);
    }

    [Fact]
    public void Write_ThenTryRead_GivesAnEqualPlan()
    {
        var bytes = Encoded();

        JobPlan.TryRead(bytes, out var read, out var reason).Should().BeTrue();

        read.Should().Be(Plan);
        read!.GetHashCode().Should().Be(Plan.GetHashCode());
        reason.Should().BeEmpty();
        JobPlan.EncodedLengthOf(4).Should().Be(bytes.Length);
    }

    [Fact]
    public void TryRead_AnyByteChanged_IsRefusedWithAReason()
    {
        var bytes = Encoded();
        for (var at = 0; at < bytes.Length; at++)
        {
            bytes[at] ^= 0x81;

            JobPlan.TryRead(bytes, out var read, out var reason).Should().BeFalse($"byte {at} is changed");

            read.Should().BeNull();
            reason.Should().NotBeEmpty();
            bytes[at] ^= 0x81;
        }
    }

    [Fact]
    public void TryRead_AnyOtherLength_IsRefused()
    {
        var bytes = new byte[Plan.EncodedLength + 4];
        Plan.Write(bytes);
        for (var length = 0; length <= bytes.Length; length++)
        {
            JobPlan.TryRead(bytes.AsSpan(0, length), out _, out _).Should().Be(length == Plan.EncodedLength, $"{length} bytes");
        }
    }

    [Theory]
    [InlineData(0, "a plan with")]
    [InlineData(4, "version")]
    [InlineData(6, "flags")]
    [InlineData(15, "epoch")]
    [InlineData(19, "generation")]
    [InlineData(23, "backups")]
    [InlineData(31, "deadline")]
    [InlineData(35, "slots don't fit")]
    [InlineData(39, "slot 0 is dealt")]
    [InlineData(40, "slot 1 is dealt")]
    [InlineData(52, "the hash is")]
    public void TryRead_DamagedField_NamesIt(int at, string named)
    {
        var bytes = Encoded();
        bytes[at] ^= 0x80;

        JobPlan.TryRead(bytes, out _, out var reason).Should().BeFalse();

        reason.Should().Contain(named);
    }

    [Fact]
    public void Plan_BadArguments_Throws()
    {
        FluentActions.Invoking(() => new JobPlan(new PlanEpoch(-1), default, [1])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => new JobPlan(default, new Generation(-1), [1])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => new JobPlan(default, default, [])).Should().Throw<ArgumentException>().WithMessage("*no slot*");
        FluentActions.Invoking(() => new JobPlan(default, default, [-1, -1])).Should().Throw<ArgumentException>().WithMessage("*no slot*");
        FluentActions.Invoking(() => new JobPlan(default, default, [1, -2])).Should().Throw<ArgumentException>().WithMessage("*slot 1*");
        FluentActions.Invoking(() => new JobPlan(default, default, [int.MaxValue, 1])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => new JobPlan(default, default, [1, 1], deadlineNs: -1)).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => new JobPlan(default, default, [1, 1], backups: 2)).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => Plan.Write(new byte[3])).Should().Throw<ArgumentException>();
    }

    private static byte[] Encoded()
    {
        var bytes = new byte[Plan.EncodedLength];
        Plan.Write(bytes).Should().Be(bytes.Length);
        return bytes;
    }
}
