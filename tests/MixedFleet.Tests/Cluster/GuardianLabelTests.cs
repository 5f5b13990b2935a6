#if FULLSTACK
using MixedFleet.Cluster.Actors;

namespace MixedFleet.Tests.Cluster;

public sealed class GuardianLabelTests
{
    [Theory]
    [InlineData("vm process 12 since 2026-01-31T23:59:59.123Z", "vm process 12 since 2026-01-31T23:59:59.123Z (guardian 1)")]
    [InlineData("vm process 3 since 2026-01-31T23:59:59.123Z (its guardian 2)", "vm process 3 since 2026-01-31T23:59:59.123Z (its guardian 2) (guardian 2)")]
    [InlineData("vm process 2 since 2026-01-31T23:59:59.123Z", "vm process 2 since 2026-01-31T23:59:59.123Z")]
    public void Label_OfAGuardian_HasItsNumberWhereItIsTheLaunchersOwn(string guardian, string label) =>
        GuardianLabel.Of(guardian, "guardian 0: , guardian 1: 12, guardian 2: 3").Should().Be(label);

    [Fact]
    public void Label_OfAGuardianThatTheOptionsName_IsItsName() => GuardianLabel.Of("vm process 12 since now", null).Should().Be("vm process 12 since now");
}
#endif
