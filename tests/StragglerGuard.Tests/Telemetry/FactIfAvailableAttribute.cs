namespace StragglerGuard.Tests.Telemetry;

/// <summary>
/// A fact that needs a program which not every machine has. Where it is absent the test is skipped with the reason; where the environment
/// variable CI is <c>true</c> it is never skipped, so that a missing program shows as a failure.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactIfAvailableAttribute : FactAttribute
{
    public FactIfAvailableAttribute(string program, string package)
    {
        var isCi = string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase);
        if (!isCi && !IsOnPath(program))
        {
            Skip = $"{program} is not on the PATH (package {package}).";
        }
    }

    private static bool IsOnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Any(folder => File.Exists(Path.Combine(folder, program)) || File.Exists(Path.Combine(folder, program + ".exe")));
}
