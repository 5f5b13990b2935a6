using System.Globalization;

namespace MixedFleet.Cluster.Actors;

/// <summary>What a guardian is called on the display: its name in the ledger, and its number where it is one of the launcher's own.</summary>
internal static class GuardianLabel
{
    /// <summary>Labels a guardian.</summary>
    /// <param name="guardian">Its name in the ledger: "host process 28783 since 2026-01-31T23:59:59.123Z".</param>
    /// <param name="own">The launcher's own, as the preface shows them: "guardian 0: 28781, guardian 1: 28783"; null where there are none.</param>
    public static string Of(string guardian, string? own)
    {
        foreach (string one in own?.Split(", ") ?? [])
        {
            if (one.Split(": ") is [var number, { Length: > 0 } pid] && IsOf(guardian, pid))
            {
                return $"{guardian} ({number})";
            }
        }

        return guardian;
    }

    /// <summary>Whether a guardian is that of a process of this machine.</summary>
    /// <param name="guardian">Its name in the ledger; null: nobody's.</param>
    /// <param name="pid">The process.</param>
    public static bool IsOf(string? guardian, int pid) => IsOf(guardian, pid.ToString(CultureInfo.InvariantCulture));

    private static bool IsOf(string? guardian, string pid) => guardian?.Contains($" process {pid} since ", StringComparison.Ordinal) ?? false;
}
