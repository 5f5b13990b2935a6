namespace StragglerGuard.Collectives.Tests.Transports;

/// <summary>What groups hold of the system: their threads, by name, and the process's sockets.</summary>
/// <param name="Threads">Threads of groups.</param>
/// <param name="Sockets">All sockets of the process.</param>
internal readonly record struct ProcessResources(int Threads, int Sockets)
{
    // The kernel keeps 15 characters of a thread's name.
    private static readonly string[] ThreadNames = ["collective moni", "communication t"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Whether the system tells.</summary>
    public static bool CanCount => Directory.Exists("/proc/self/fd");

    /// <summary>Now; zeros where the system has no /proc.</summary>
    public static ProcessResources Count()
    {
        if (!CanCount)
        {
            return default;
        }

        return new ProcessResources(
            Directory.GetDirectories("/proc/self/task").Count(task => ThreadNames.Contains(TryRead(task + "/comm"))),
            Directory.GetFiles("/proc/self/fd").Count(IsSocket));
    }

    /// <summary>Now, without what an earlier test left to the collector: that would end at any time.</summary>
    public static ProcessResources CountAtRest()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Count();
    }

    /// <summary>A joined thread may be with the system for a moment yet.</summary>
    public static void ShouldComeBackTo(ProcessResources before)
    {
        var giveUpAtNs = MonotonicClock.NowNs() + (long)Patience.TotalNanoseconds;
        while (Count() != before && MonotonicClock.NowNs() < giveUpAtNs)
        {
            Thread.Yield();
        }

        Count().Should().Be(before);
    }

    private static string? TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path).TrimEnd();
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static bool IsSocket(string descriptor)
    {
        try
        {
            return new FileInfo(descriptor).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
