using System.Globalization;

namespace StragglerGuard.Guardian;

/// <summary>What a guardian is called in the ledger: machine, process, and since when, as numbers of processes come again.</summary>
internal static class GuardianName
{
    private static int s_count;

    /// <summary>Names the next guardian of this process.</summary>
    /// <param name="began">When it began.</param>
    public static string Next(DateTimeOffset began)
    {
        int number = Interlocked.Increment(ref s_count);
        string which = number == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $" (its guardian {number})");
        return string.Create(
            CultureInfo.InvariantCulture, $"{Environment.MachineName} process {Environment.ProcessId} since {began.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ}{which}");
    }
}
