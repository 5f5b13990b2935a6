namespace StragglerGuard.EndToEnd.Tests.Running;

/// <summary>A theory that takes minutes, and whose shorter version always runs: run where the environment variable STRAGGLERGUARD_LONG is
/// <c>1</c>, else skipped with the reason.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TheoryIfAskedAttribute : TheoryAttribute
{
    public TheoryIfAskedAttribute()
    {
        if (Environment.GetEnvironmentVariable("STRAGGLERGUARD_LONG") != "1")
        {
            Skip = "Long: runs where STRAGGLERGUARD_LONG is 1.";
        }
    }
}
