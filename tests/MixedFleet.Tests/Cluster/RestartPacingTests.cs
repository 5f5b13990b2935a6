using MixedFleet.Cluster.Actors;

namespace MixedFleet.Tests.Cluster;

public sealed class RestartPacingTests
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(4.9);
    private static readonly TimeSpan s_late = TimeSpan.FromSeconds(5);

    [Fact]
    public void AfterEnd_AgainAndAgainSoon_WaitsLongerAndGivesUp()
    {
        var pacing = new RestartPacing();

        pacing.AfterEnd(s_soon).Should().Be(TimeSpan.FromSeconds(1));
        pacing.AfterEnd(TimeSpan.Zero).Should().Be(TimeSpan.FromSeconds(2));
        pacing.AfterEnd(s_soon).Should().Be(TimeSpan.FromSeconds(4), "the longest pause is not followed by the shortest");
        pacing.AfterEnd(s_soon).Should().BeNull();
    }

    [Fact]
    public void AfterEnd_OfAProcessThatLivedLonger_BeginsAnew()
    {
        var pacing = new RestartPacing();
        for (int time = 0; time < 3; time++)
        {
            pacing.AfterEnd(s_soon).Should().NotBeNull();
        }

        pacing.AfterEnd(s_late).Should().Be(TimeSpan.FromSeconds(0.5));
        pacing.AfterEnd(s_soon).Should().Be(TimeSpan.FromSeconds(1));
    }
}
