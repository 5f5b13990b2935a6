using Microsoft.Extensions.Diagnostics.HealthChecks;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Health;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Tests.Hosting;

public sealed class GuardianHealthTests
{
    private static readonly ClusterEndpoint[] All = [new("10.0.0.1", 4053), new("10.0.0.2", 4053), new("10.0.0.3", 4053)];
    private static readonly GuardianMember[] Members =
    [
        new("10.0.0.1", 4053, "Up", IsReachable: true, IsSelf: true, IsOldest: true),
        new("10.0.0.2", 4053, "Up", IsReachable: true, IsSelf: false, IsOldest: false),
        new("10.0.0.3", 4053, "Up", IsReachable: true, IsSelf: false, IsOldest: false),
    ];

    [Theory]
    [InlineData(GuardianStanding.Deciding, 1, null, HealthStatus.Healthy, "it decides")]
    [InlineData(GuardianStanding.StandingBy, 1, null, HealthStatus.Degraded, "it is the one that is to decide, and does not yet")]
    [InlineData(GuardianStanding.Deciding, 1, "the disk is full", HealthStatus.Unhealthy, "nothing is decided: the disk is full")]
    [InlineData(GuardianStanding.Claiming, 1, "it is written by another", HealthStatus.Unhealthy, "nothing is decided: it is written by another")]
    [InlineData(GuardianStanding.Claiming, 1, null, HealthStatus.Degraded, "it takes the ledger over")]
    [InlineData(GuardianStanding.Joining, 1, null, HealthStatus.Degraded, "it looks for the other guardians")]
    [InlineData(GuardianStanding.Joining, 31, null, HealthStatus.Unhealthy, "it has looked for the other guardians for 31 s")]
    [InlineData(GuardianStanding.Left, 1, null, HealthStatus.Unhealthy, "it has left the other guardians")]
    public void Guardian_AsItStands_SaysSoInWords(GuardianStanding standing, int seconds, string? trouble, HealthStatus status, string words)
    {
        HealthCheckResult health = GuardianHealth.Judge(standing, TimeSpan.FromSeconds(seconds), trouble, Members, All);

        health.Status.Should().Be(status);
        health.Description.Should().Be(words);
    }

    [Fact]
    public void Certificate_ThatExpiresSoon_IsSaidAndDegrades()
    {
        DateTimeOffset now = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

        GuardianHealth.WithCertificate(HealthCheckResult.Healthy("it decides"), null, now).Status.Should().Be(HealthStatus.Healthy);
        GuardianHealth.WithCertificate(HealthCheckResult.Healthy("it decides"), now.AddDays(8), now).Should().Be(HealthCheckResult.Healthy("it decides"));
        GuardianHealth.WithCertificate(HealthCheckResult.Healthy("it decides"), now.AddDays(6), now).Should().Match<HealthCheckResult>(said =>
            said.Status == HealthStatus.Degraded && said.Description == "it decides; its certificate expires at 2026-03-10 05:06:07Z");
        GuardianHealth.WithCertificate(HealthCheckResult.Unhealthy("it has left"), now.AddDays(-1), now).Should().Match<HealthCheckResult>(said =>
            said.Status == HealthStatus.Unhealthy && said.Description!.EndsWith("; its certificate expired at 2026-03-03 05:06:07Z"));
    }

    [Fact]
    public void Guardian_ThatStandsBy_SaysForWhomOrThatNobodyDecides()
    {
        GuardianMember[] asSecond = [Members[0] with { IsSelf = false }, Members[1] with { IsSelf = true }, Members[2]];

        HealthCheckResult known = GuardianHealth.Judge(GuardianStanding.StandingBy, TimeSpan.Zero, trouble: null, asSecond, All);
        HealthCheckResult nobody = GuardianHealth.Judge(
            GuardianStanding.StandingBy, TimeSpan.Zero, trouble: null, [asSecond[0] with { IsOldest = false }, asSecond[1], asSecond[2]], All);

        (known.Status, known.Description).Should().Be((HealthStatus.Healthy, "it stands by; 10.0.0.1:4053 decides"));
        (nobody.Status, nobody.Description).Should().Be((HealthStatus.Degraded, "it stands by; nobody decides"));
    }

    [Fact]
    public void Guardian_WithOthersGone_IsDegradedAndNamesThem()
    {
        HealthCheckResult health = GuardianHealth.Judge(
            GuardianStanding.Deciding, TimeSpan.Zero, trouble: null, [Members[0], Members[1] with { IsReachable = false }], All);

        health.Status.Should().Be(HealthStatus.Degraded);
        health.Description.Should().Be("it decides; can't be reached: 10.0.0.2:4053; not there: 10.0.0.3:4053");
    }
}
