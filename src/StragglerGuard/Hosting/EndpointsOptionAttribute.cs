using System.Globalization;
using System.Text.Json;

namespace StragglerGuard.Hosting;

/// <summary>Hosts and ports in one text: <c>host:port, host:port</c>; an IPv6 address stands in brackets.</summary>
internal sealed class EndpointsOptionAttribute : OptionAttribute
{
    private const int EndpointsMax = 9;
    private const int LengthMax = 4_096;

    private static readonly char[] s_separators = [',', ' '];

    internal override string Allowed(Type type) =>
        "hosts with their ports, each once and 9 at most, such as \"guardian-0:4053, guardian-1:4053, guardian-2:4053\"";

    internal override bool Allows(object value) => value is string text && TryRead(text) is not null;

    internal override object? Parse(ref Utf8JsonReader reader, Type type) =>
        reader.TokenType == JsonTokenType.String ? reader.GetString() : null;

    /// <summary>The endpoints in their order; null where the text is no such list.</summary>
    internal static IReadOnlyList<ClusterEndpoint>? TryRead(string text)
    {
        if (text.Length > LengthMax)
        {
            return null;
        }

        var endpoints = new List<ClusterEndpoint>();
        foreach (string part in text.Split(s_separators, StringSplitOptions.RemoveEmptyEntries))
        {
            int colon = part.LastIndexOf(':');
            if (colon <= 0 || !int.TryParse(part.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port)
                || port is < 1 or > 65_535 || HostOf(part[..colon]) is not { } host)
            {
                return null;
            }

            var endpoint = new ClusterEndpoint(host, port);
            if (endpoints.Contains(endpoint) || endpoints.Count == EndpointsMax)
            {
                return null;
            }

            endpoints.Add(endpoint);
        }

        return endpoints;
    }

    private static string? HostOf(string text)
    {
        string host = text is ['[', .. var inner, ']'] ? inner : text;
        return Uri.CheckHostName(host) switch
        {
            UriHostNameType.Unknown => null,
            UriHostNameType.IPv6 => host != text ? host : null,
            _ => host == text ? host : null,
        };
    }
}
