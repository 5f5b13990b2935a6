using System.Net;

namespace StragglerGuard.Hosting;

/// <summary>An address and port that the guard was told to listen on can't be had.</summary>
public sealed class EndpointUnavailableException : IOException
{
    internal EndpointUnavailableException(IPEndPoint endpoint, string reason, Exception inner)
        : base($"Can't listen on {endpoint}: {reason}.", inner) => Endpoint = endpoint;

    internal EndpointUnavailableException(string host, int port, string reason, Exception inner)
        : this(new IPEndPoint(IPAddress.TryParse(host, out IPAddress? address) ? address : IPAddress.Loopback, port), reason, inner)
    {
    }

    /// <summary>The address and port.</summary>
    public IPEndPoint Endpoint { get; }
}
