using StragglerGuard.EndToEnd.Tests.Running;
using StragglerGuard.Tests.Ledger;

namespace StragglerGuard.EndToEnd.Tests.Failover;

/// <summary>
/// A fact about guardians that are processes, with a real database and a network that is cut. Skipped, with the reason, where it can't be had;
/// never on CI.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal class ClusterFactAttribute : FactAttribute
{
    public ClusterFactAttribute() =>
        Skip = string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase)
            ? null
            : LinuxOnly.SkipReason ?? PostgresUnderTest.AbsentReason ?? LoopbackPartition.AbsentReason;
}

/// <summary>Such a fact that takes minutes, and whose shorter version always runs: run where STRAGGLERGUARD_LONG is <c>1</c>.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LongClusterFactAttribute : ClusterFactAttribute
{
    public LongClusterFactAttribute() =>
        Skip = Environment.GetEnvironmentVariable("STRAGGLERGUARD_LONG") != "1" ? "Long: runs where STRAGGLERGUARD_LONG is 1." : Skip;
}
