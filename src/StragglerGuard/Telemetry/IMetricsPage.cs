using System.Buffers;

namespace StragglerGuard.Telemetry;

/// <summary>A metrics page that a <see cref="MetricsEndpoint"/> serves. Any thread may ask for it.</summary>
public interface IMetricsPage
{
    /// <summary>The content type of the page, with its version and character set.</summary>
    string ContentType { get; }

    /// <summary>Asks all instruments and writes the page.</summary>
    /// <param name="output">Where to; UTF-8.</param>
    /// <param name="cancellation">Gives up writing; what was written is no page.</param>
    ValueTask WriteAsync(IBufferWriter<byte> output, CancellationToken cancellation = default);
}
