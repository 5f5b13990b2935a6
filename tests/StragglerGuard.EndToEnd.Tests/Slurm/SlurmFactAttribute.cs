namespace StragglerGuard.EndToEnd.Tests.Slurm;

/// <summary>
/// A fact about a real Slurm. Where it is missing, or this isn't root, the test is skipped with the reason; where the environment variable
/// CI is <c>true</c> it never is.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SlurmFactAttribute : FactAttribute
{
    public SlurmFactAttribute() => Skip = SlurmCluster.SkipReason;
}
