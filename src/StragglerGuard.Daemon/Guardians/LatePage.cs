using System.Buffers;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Daemon.Guardians;

/// <summary>A page that is not there yet when its port is bound: who asks for it waits the moment until it is.</summary>
internal sealed class LatePage : IMetricsPage
{
    private readonly TaskCompletionSource<IMetricsPage> _page = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <inheritdoc/>
    /// <remarks>Asked for once the page is written.</remarks>
    public string ContentType => _page.Task.Result.ContentType;

    /// <summary>Shows the page from now on.</summary>
    public void Show(IMetricsPage page) => _page.SetResult(page);

    /// <inheritdoc/>
    public async ValueTask WriteAsync(IBufferWriter<byte> output, CancellationToken cancellation = default)
    {
        IMetricsPage page = await _page.Task.WaitAsync(cancellation).ConfigureAwait(false);
        await page.WriteAsync(output, cancellation).ConfigureAwait(false);
    }
}
