using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using StragglerGuard.Core;
using StragglerGuard.Ledger;
using StragglerGuard.Hosting;

namespace StragglerGuard.Actuators.Webhook;

/// <summary>
/// Hands actions to a service of the house: one signed POST each, JSON, with an idempotency key. What that service makes of it is its own.
/// </summary>
/// <remarks>
/// <para>The body: <c>{"schema":1,"action":"drain"|"move"|"readmit","key":…,"node":…,"pool":…,"reason":…}</c>. The headers:
/// <c>StragglerGuard-Timestamp</c> (Unix seconds), <c>StragglerGuard-Signature: sha256=HEX</c>, the HMAC-SHA256 of timestamp, a dot and the
/// body under the shared secret, and <c>Idempotency-Key</c>, the same for each repetition of an action: a service must answer a repetition
/// with success and do nothing more.</para>
/// <para>2xx: done. 408, 425, 429, 5xx, no answer in time, no connection: <see cref="ActuationStatus.RetryLater"/>, with the wait that
/// <c>Retry-After</c> asks for. All else, redirections included, is refused. A GET of <see cref="WebhookActuatorOptions.ObserveUrl"/> is
/// signed the same way, over an empty body.</para>
/// <para>Without an address to read from, what was last acknowledged in this process stands for the state; after a restart nothing is
/// known and actions are posted again under their keys.</para>
/// </remarks>
public sealed class WebhookActuator : IPoolActuator, IDisposable
{
    private const int AnswerBytesMax = 16 << 20;

    private readonly WebhookActuatorOptions _options;
    private readonly SharedSecret _secret;
    private readonly TimeProvider _time;
    private readonly HttpClient _client;
    private readonly ConcurrentDictionary<NodeId, NodeObservation> _acknowledged = new();

    /// <summary>Makes an actuator; nothing is called yet.</summary>
    /// <param name="options">Where to.</param>
    /// <param name="secret">What calls are signed with.</param>
    /// <param name="time">Gives the timestamps; null: the system's.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public WebhookActuator(WebhookActuatorOptions options, SharedSecret secret, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(secret);
        options.ThrowIfInvalid();
        _options = options;
        _secret = secret;
        _time = time ?? TimeProvider.System;

        // A redirection would carry the signed body to a host that nobody chose.
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) };
        _client = new HttpClient(handler) { Timeout = options.Timeout, MaxResponseContentBufferSize = AnswerBytesMax };
    }

    /// <inheritdoc/>
    public string Name => "webhook";

    /// <inheritdoc/>
    public async ValueTask<FleetObservation> ObserveAsync(IReadOnlyList<NodeId> nodes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        if (_options.ObserveUrl is not { } url)
        {
            return FleetObservation.Of([.. nodes.Select(LastAcknowledged)]);
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        var (outcome, body) = await SendAsync(request, [], cancellationToken).ConfigureAwait(false);
        if (body is null)
        {
            return FleetObservation.Failed(outcome);
        }

        var (known, problem) = WebhookMessages.ReadNodes(body);
        return known is null
            ? FleetObservation.Failed(ActuationOutcome.RetryLater($"the answer of {Place(url)} can't be read: {problem}"))
            : FleetObservation.Of([.. nodes.Select(node => known.GetValueOrDefault(node.Value) ?? NodeObservation.Absent(node))]);
    }

    /// <inheritdoc/>
    public async ValueTask<ActuationOutcome> DrainAsync(NodeId node, string actionKey, string reason, CancellationToken cancellationToken)
    {
        var mark = DrainMark.Compose(actionKey, reason);
        var outcome = await PostAsync(ActuationKind.Drain, actionKey, node, null, mark, cancellationToken).ConfigureAwait(false);
        return Acknowledge(outcome, node, last => last with { Reading = NodeReading.Drained, Reason = mark });
    }

    /// <inheritdoc/>
    public async ValueTask<ActuationOutcome> MoveAsync(NodeId node, string pool, string actionKey, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(pool);
        var outcome = await PostAsync(ActuationKind.MoveToPool, actionKey, node, pool, null, cancellationToken).ConfigureAwait(false);
        return Acknowledge(outcome, node, last => last with { Pools = [pool] });
    }

    /// <inheritdoc/>
    public async ValueTask<ActuationOutcome> ReadmitAsync(NodeId node, string actionKey, CancellationToken cancellationToken)
    {
        var outcome = await PostAsync(ActuationKind.Readmit, actionKey, node, null, null, cancellationToken).ConfigureAwait(false);
        return Acknowledge(outcome, node, last => last with { Reading = NodeReading.Serving, Reason = "" });
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private NodeObservation LastAcknowledged(NodeId node) =>
        _acknowledged.GetValueOrDefault(node) ?? new NodeObservation(node, NodeReading.Unread, "", []);

    private ActuationOutcome Acknowledge(ActuationOutcome outcome, NodeId node, Func<NodeObservation, NodeObservation> change)
    {
        if (outcome.Succeeded)
        {
            _acknowledged.AddOrUpdate(node, _ => change(LastAcknowledged(node)), (_, last) => change(last));
        }

        return outcome;
    }

    private async ValueTask<ActuationOutcome> PostAsync(
        ActuationKind kind, string actionKey, NodeId node, string? pool, string? reason, CancellationToken cancellationToken)
    {
        DrainMark.ThrowIfNoKey(actionKey);
        ArgumentException.ThrowIfNullOrEmpty(node.Value, nameof(node));
        var body = WebhookMessages.Write(kind, actionKey, node, pool, reason);
        using var request = new HttpRequestMessage(HttpMethod.Post, _options.Url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");

        // One decision may concern several nodes and take two actions on each: all three make the action.
        request.Headers.Add("Idempotency-Key", $"{actionKey}/{WebhookMessages.NameOf(kind)}/{Uri.EscapeDataString(node.Value)}");
        var (outcome, _) = await SendAsync(request, body, cancellationToken).ConfigureAwait(false);
        return outcome;
    }

    /// <summary>Signs and sends; the body of the answer is there only where it was a success.</summary>
    private async ValueTask<(ActuationOutcome Outcome, byte[]? Body)> SendAsync(
        HttpRequestMessage request, byte[] body, CancellationToken cancellationToken)
    {
        var place = Place(request.RequestUri!);
        var now = _time.GetUtcNow();
        var timestamp = now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        request.Headers.Add("StragglerGuard-Timestamp", timestamp);
        request.Headers.Add("StragglerGuard-Signature", "sha256=" + _secret.Sign(timestamp, body));
        try
        {
            using var response = await _client.SendAsync(request, cancellationToken).ConfigureAwait(false);
            var said = $"{place} answered {(int)response.StatusCode}";
            if (response.IsSuccessStatusCode)
            {
                return (ActuationOutcome.Done(said), await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false));
            }

            return IsPassing(response.StatusCode)
                ? (ActuationOutcome.RetryLater(said, RetryAfter(response.Headers.RetryAfter, now)), null)
                : (ActuationOutcome.Refused(said), null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (ActuationOutcome.RetryLater(
                string.Create(CultureInfo.InvariantCulture, $"{place} gave no answer within {_options.Timeout.TotalSeconds:0.##} s")), null);
        }
        catch (HttpRequestException e)
        {
            return (ActuationOutcome.RetryLater($"{place} can't be reached: {e.HttpRequestError}"), null);
        }
    }

    private static bool IsPassing(HttpStatusCode code) =>
        code is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)code is 425 or >= 500;

    private static TimeSpan? RetryAfter(RetryConditionHeaderValue? header, DateTimeOffset now)
    {
        var wait = header?.Delta ?? header?.Date - now;
        return wait > TimeSpan.Zero ? wait : null;
    }

    /// <summary>A URL without its query, where tokens hide.</summary>
    private static string Place(Uri url) => url.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
}
