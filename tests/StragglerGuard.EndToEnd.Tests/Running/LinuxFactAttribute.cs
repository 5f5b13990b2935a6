namespace StragglerGuard.EndToEnd.Tests.Running;

/// <summary>A fact about processes and signals, found out through /proc; skipped, with the reason, on other systems.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LinuxFactAttribute : FactAttribute
{
    public LinuxFactAttribute() => Skip = LinuxOnly.SkipReason;
}

/// <summary>A theory about processes and signals, found out through /proc; skipped, with the reason, on other systems.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LinuxTheoryAttribute : TheoryAttribute
{
    public LinuxTheoryAttribute() => Skip = LinuxOnly.SkipReason;
}

internal static class LinuxOnly
{
    public static string? SkipReason => OperatingSystem.IsLinux() ? null : "signals are sent and processes found as on Linux";
}
