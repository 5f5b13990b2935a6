using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Detection;

namespace StragglerGuard.Core.Tests.Detection;

public sealed class DeviceClocksTests
{
    private static readonly RankCohort[] Cohorts =
        [new(0, new DeviceClass("A")), new(0, new DeviceClass("A")), new(0, new DeviceClass("A")), new(0, new DeviceClass("B"))];

    private readonly DeviceClocks _clocks = new(Cohorts, new double[8]);

    [Fact]
    public void Clocks_BeforeAnyReading_AreUnknown()
    {
        Note(0, default);

        _clocks.SlowdownOf(0).Should().BeNull();
        _clocks.PeerSlowdownOf(0).Should().BeNull();
        _clocks.IsThrottled(0).Should().BeNull();
        _clocks.ArePeersThrottled(0).Should().BeFalse();
    }

    [Fact]
    public void Clocks_OfPeers_AreThoseOfTheOthersOfTheClass()
    {
        Note(0, new DeviceReading(1_000, 2_000, true));
        Note(1, new DeviceReading(2_000, 2_000, false));
        Note(2, new DeviceReading(2_000, 2_000, false));
        Note(3, new DeviceReading(500, 2_000, true));

        _clocks.SlowdownOf(0).Should().BeApproximately(Math.Log(2), 1e-6);
        _clocks.PeerSlowdownOf(0).Should().BeApproximately(0, 1e-6);
        _clocks.IsThrottled(0).Should().BeTrue();
        _clocks.ArePeersThrottled(0).Should().BeFalse();
        _clocks.PeerSlowdownOf(3).Should().BeNull("it is the only one of its class");
    }

    [Fact]
    public void Clocks_OfOneOddReading_AreNotTurnedByIt()
    {
        for (int i = 0; i < 10; i++)
        {
            Note(0, new DeviceReading(1_000, 1_000, false));
        }

        Note(0, new DeviceReading(500, 1_000, true));

        _clocks.IsThrottled(0).Should().BeFalse();
        _clocks.SlowdownOf(0).Should().Be(0);
    }

    [Fact]
    public void Clocks_OfADeviceThatFallsSilent_AreForgottenAfterAWhile()
    {
        Note(0, new DeviceReading(500, 1_000, true));
        Note(0, default);
        _clocks.SlowdownOf(0).Should().NotBeNull("one reading may be missed");
        for (int i = 0; i < 3; i++)
        {
            Note(0, default);
        }

        _clocks.SlowdownOf(0).Should().BeNull();
        _clocks.IsThrottled(0).Should().BeNull();
        Note(0, new DeviceReading(1_000, 1_000, false));
        _clocks.SlowdownOf(0).Should().BeApproximately(0, 1e-9, "what it says after that counts in full");
    }

    private void Note(int rank, DeviceReading reading) => _clocks.Note(rank, in reading);
}
