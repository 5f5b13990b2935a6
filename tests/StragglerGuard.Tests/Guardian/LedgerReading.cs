using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian;

internal static class LedgerReading
{
    /// <summary>The entries that are about more than who guards.</summary>
    public static IReadOnlyList<LedgerEntry> Findings(this ILedgerReader ledger) =>
        [.. ledger.Read().Where(entry => entry.Decision is not GuardianTookOver)];
}
