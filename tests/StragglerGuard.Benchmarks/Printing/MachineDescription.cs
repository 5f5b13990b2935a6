using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using System.Runtime.InteropServices;
using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Benchmarks.Printing;

/// <summary>Where the numbers come from, and what may have disturbed them.</summary>
internal static class MachineDescription
{
    /// <summary>One fact a line.</summary>
    public static IEnumerable<string> Lines()
    {
        using var device = new CpuDevice();
        yield return $"processor  {device.Name}, {Environment.ProcessorCount} cores for this process";
        yield return $"runtime    {RuntimeInformation.FrameworkDescription} on {RuntimeInformation.OSDescription}, "
            + $"{(GCSettings.IsServerGC ? "server" : "workstation")} collector";
        yield return $"clock      {Quantity.Count(Stopwatch.Frequency)} ticks a second";
        if (LoadAverage() is { } load)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"load       {load:0.0} in the last minute, before this run");
            if (load > 0.5 * Environment.ProcessorCount)
            {
                yield return "warning    others are at work here: ratios hold better than times, and what needs several cores suffers";
            }
        }

        if (IsUnoptimized())
        {
            yield return "warning    built without optimisation: build with -c Release";
        }
    }

    private static bool IsUnoptimized() =>
        typeof(MachineDescription).Assembly.GetCustomAttributes(typeof(DebuggableAttribute), inherit: false)
            .OfType<DebuggableAttribute>().Any(attribute => attribute.IsJITOptimizerDisabled);

    private static double? LoadAverage()
    {
        const string Path = "/proc/loadavg";
        try
        {
            return File.Exists(Path)
                && double.TryParse(File.ReadAllText(Path).Split(' ')[0], NumberStyles.Float, CultureInfo.InvariantCulture, out double load)
                ? load
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
