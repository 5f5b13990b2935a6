using System.Globalization;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Guardian;

/// <summary>Sees to it that reports which the guardian did not get to read are counted, and told of when that begins.</summary>
/// <param name="instruments">Where they are counted.</param>
/// <param name="complain">Told when the guardian falls behind; once, until it has kept up again for a while.</param>
internal sealed class DroppedReports(GuardInstruments instruments, Action<string> complain)
{
    /// <summary>Looks without a loss after which it has kept up again.</summary>
    private const int QuietLooks = 40;

    private long _known;
    private int _quietLooks = QuietLooks;

    /// <summary>Looks how many there are by now.</summary>
    /// <param name="total">Since the guardian began.</param>
    public void Look(long total)
    {
        long more = total - _known;
        _known = total;
        instruments.CountReportsDropped(more);
        if (more == 0)
        {
            _quietLooks = Math.Min(_quietLooks + 1, QuietLooks);
            return;
        }

        if (_quietLooks == QuietLooks)
        {
            complain(string.Create(
                CultureInfo.InvariantCulture, $"the guardian is behind: {more} reports gave way to newer ones before it had read them; steps of theirs are judged on what others say"));
        }

        _quietLooks = 0;
    }
}
