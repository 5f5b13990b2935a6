using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>Reports on their way to a guardian: who asks for more, with none left, has judged what it took.</summary>
/// <param name="reports">The reports.</param>
/// <param name="judged">Told of the last one that was judged.</param>
internal sealed class WatchedReports(ChannelReader<NodeReport> reports, Action<NodeReport> judged) : ChannelReader<NodeReport>
{
    private NodeReport? _taken;

    public override bool TryRead([MaybeNullWhen(false)] out NodeReport item)
    {
        bool isThere = reports.TryRead(out item);
        _taken = isThere ? item : _taken;
        return isThere;
    }

    public override ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken = default)
    {
        if (_taken is { } last && !reports.TryPeek(out _))
        {
            _taken = null;
            judged(last);
        }

        return reports.WaitToReadAsync(cancellationToken);
    }
}
