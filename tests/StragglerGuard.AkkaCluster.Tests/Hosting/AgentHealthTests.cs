using Microsoft.Extensions.Diagnostics.HealthChecks;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Health;

namespace StragglerGuard.AkkaCluster.Tests.Hosting;

public sealed class AgentHealthTests
{
    [Theory]
    [InlineData(null, null, null, HealthStatus.Degraded, "no guardian has answered a yet")]
    [InlineData(null, null, 17, HealthStatus.Degraded, "no guardian has answered a yet")]
    [InlineData(null, null, 18, HealthStatus.Degraded, "a has reported for 18 s, and no guardian has answered: nobody takes reports in now")]
    [InlineData("g", 300, 16, HealthStatus.Healthy, "guardian g answered a 300 s ago")]
    [InlineData("g", 1, 18, HealthStatus.Degraded, "a has reported for 18 s, and guardian g has acknowledged none of it: nobody takes reports in now")]
    [InlineData("g", 1, 123, HealthStatus.Unhealthy, "a has reported for 123 s, and guardian g has acknowledged none of it: reports are lost, the newest are kept")]
    [InlineData("g", 20, null, HealthStatus.Healthy, "guardian g answered a 20 s ago")]
    [InlineData("g", 21, null, HealthStatus.Degraded, "guardian g answered a 21 s ago: none does now")]
    [InlineData("g", 121, null, HealthStatus.Unhealthy, "guardian g answered a 121 s ago: none can be reached")]
    public void Agent_AsItStands_SaysSoInWords(string? guardian, int? welcome, int? unacknowledged, HealthStatus status, string words)
    {
        HealthCheckResult health = AgentHealth.Judge([Standing("a", guardian, welcome, unacknowledged)], dropped: 0, intervalSeconds: 1);

        health.Status.Should().Be(status);
        health.Description.Should().Be(words);
    }

    [Fact]
    public void Agents_Several_AreAsWellAsTheWorst()
    {
        AgentStanding well = Standing("a", "g", 1, null);
        AgentStanding cutOff = Standing("b", "g", 30, 30);

        foreach (AgentStanding[] agents in (AgentStanding[][])[[well, cutOff], [cutOff, well]])
        {
            HealthCheckResult health = AgentHealth.Judge(agents, dropped: 0, intervalSeconds: 1);

            health.Status.Should().Be(HealthStatus.Degraded);
            health.Description.Should().StartWith("b has reported for 30 s");
        }
    }

    [Fact]
    public void Agents_ThatHaveDroppedReports_SayHowMany() =>
        AgentHealth.Judge([Standing("a", "g", 1, null)], dropped: 44, intervalSeconds: 1)
            .Description.Should().Be("guardian g answered a 1 s ago; 44 reports were dropped so far");

    [Fact]
    public void Process_WithoutAgents_IsWell() =>
        AgentHealth.Judge([], dropped: 0, intervalSeconds: 1).Should().Match<HealthCheckResult>(
            health => health.Status == HealthStatus.Healthy && health.Description == "there is no agent");

    private static AgentStanding Standing(string node, string? guardian, int? welcome, int? unacknowledged) =>
        new(node, guardian, Span(welcome), Span(unacknowledged));

    private static TimeSpan? Span(int? seconds) => seconds is { } known ? TimeSpan.FromSeconds(known) : null;
}
