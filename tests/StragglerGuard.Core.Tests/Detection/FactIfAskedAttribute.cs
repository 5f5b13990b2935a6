namespace StragglerGuard.Core.Tests.Detection;

/// <summary>A fact that takes long or measures time: run where the environment variable STRAGGLERGUARD_LONG is <c>1</c>, else skipped with
/// that reason.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactIfAskedAttribute : FactAttribute
{
    public FactIfAskedAttribute()
    {
        if (Environment.GetEnvironmentVariable("STRAGGLERGUARD_LONG") != "1")
        {
            Skip = "Long: runs where STRAGGLERGUARD_LONG is 1.";
        }
    }
}
