using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;

namespace StragglerGuard.Tests.Guardian;

public sealed class StandbyBookTests
{
    private const long Silent = 100;
    private static readonly JobId Job = new("job");

    private readonly StandbyBook _book = new();

    [Fact]
    public void Worker_ThatItsNodeNamesNoMore_IsGoneAndThoseOfOthersStay()
    {
        Hear("a", at: 0, 1, 2);
        Hear("b", at: 0, 3);

        Hear("a", at: 1, 2);

        _book.Waiting.Keys.Should().Equal(2, 3);
    }

    [Fact]
    public void Worker_ThatJoined_IsHeardOfAnewOnlyWhereItSaysSoAgain()
    {
        Hear("a", at: 0, 1);

        _book.Joined(1);
        _book.Joined(2);

        _book.Waiting.Should().BeEmpty();
        Hear("a", at: 1, 1);
        _book.Waiting.Keys.Should().Equal(1);
    }

    [Theory]
    [InlineData(Silent, true)]
    [InlineData(Silent + 1, false)]
    public void Worker_NotHeardOfForLong_IsGone(long silentNs, bool isThere)
    {
        Hear("a", at: 5, 1);
        Hear("b", at: 5, 2);
        Hear("b", at: 5 + silentNs, 2);

        _book.ForgetSilent(5 + silentNs, Silent);

        _book.Waiting.Keys.Should().Equal(isThere ? [1, 2] : [2]);
    }

    [Fact]
    public void Worker_OfAnotherJobOrOfOtherSlots_IsNone()
    {
        _book.Hear(Report("a", [Waiting(1) with { Job = new JobId("other") }, Waiting(2) with { Slots = 5 }]), Job, slots: 4, nowNs: 0);

        _book.Waiting.Should().BeEmpty();
    }

    private void Hear(string node, long at, params int[] slots) =>
        _book.Hear(Report(node, [.. slots.Select(Waiting)]), Job, slots: 4, at);

    private static StandbyReport Waiting(int slot) =>
        new(Job, slot, 4, new WorkerId(new NodeId("any"), $"GPU-{slot}"), new DeviceClass("H100"), SecondsPerUnit: 1);

    private static NodeReport Report(string node, IReadOnlyList<StandbyReport> standby) =>
        new(new NodeId(node), 1, 0, []) { Standby = standby };
}
