namespace StragglerGuard.Actuators.Webhook;

/// <summary>Where a webhook listens and how its calls are signed.</summary>
public sealed record WebhookActuatorOptions
{
    /// <summary>Where actions are posted to.</summary>
    /// <value>http or https, without user name or password.</value>
    public required Uri Url { get; init; }

    /// <summary>Where the state of the nodes is read by GET.</summary>
    /// <value>Like <see cref="Url"/>; null (the default): what was last acknowledged stands for it.</value>
    public Uri? ObserveUrl { get; init; }

    /// <summary>How long one call may take, from the connection to the last byte.</summary>
    /// <value>0.1 s to 10 minutes; default 10 s.</value>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    internal void ThrowIfInvalid()
    {
        ThrowIfNoTarget(Url, nameof(Url));
        if (ObserveUrl is not null)
        {
            ThrowIfNoTarget(ObserveUrl, nameof(ObserveUrl));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(Timeout, TimeSpan.FromSeconds(0.1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Timeout, TimeSpan.FromMinutes(10));
    }

    /// <summary>Whether a URL can be called; one with a password can't, since URLs end up in logs.</summary>
    internal static bool IsTarget(Uri url) =>
        url.IsAbsoluteUri && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps) && url.UserInfo.Length == 0;

    private static void ThrowIfNoTarget(Uri url, string name)
    {
        ArgumentNullException.ThrowIfNull(url, name);
        if (!IsTarget(url))
        {
            // The text of the URL stays out: it may be the password that is wrong with it.
            throw new ArgumentException("The URL must be absolute, http or https, without user name or password.", name);
        }
    }
}
