namespace StragglerGuard.Ilgpu.Tests;

/// <summary>The devices of the machine that runs the tests, looked for once.</summary>
internal static class Machine
{
    private static readonly Lazy<IlgpuPlatform> s_platform = new(() => IlgpuPlatform.Open());

    public static IlgpuPlatform Platform => s_platform.Value;

    public static IlgpuDevice Open(IlgpuBackends backend) => Platform.CreateDevice(Platform.Devices.First(d => d.Backend == backend));

    /// <summary>Why tests of a backend are skipped; null where they are not.</summary>
    public static string? WhyWithout(IlgpuBackends backend) => Platform.Absent.TryGetValue(backend, out string? reason) ? $"{backend}: {reason}" : null;
}

/// <summary>A fact that needs a device; skipped with the reason where the machine has none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class DeviceFactAttribute : FactAttribute
{
    public DeviceFactAttribute(IlgpuBackends backend) => Skip = Machine.WhyWithout(backend);
}

/// <summary>A theory that needs a device; skipped with the reason where the machine has none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class DeviceTheoryAttribute : TheoryAttribute
{
    public DeviceTheoryAttribute(IlgpuBackends backend) => Skip = Machine.WhyWithout(backend);
}
