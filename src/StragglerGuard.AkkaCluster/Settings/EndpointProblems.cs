using System.Net;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>What is wrong with the addresses of a cluster, in sentences that name the key.</summary>
internal static class EndpointProblems
{
    public static IEnumerable<string> Find(ClusterSection section, ClusterRole role)
    {
        bool isName = Uri.CheckHostName(section.Host) != UriHostNameType.Unknown;
        bool isHost = isName && !IsAny(section.Host);
        bool isBound = section.BindAddress.Length == 0 || IPAddress.TryParse(section.BindAddress, out _);
        IReadOnlyList<ClusterEndpoint> guardians = section.GuardianEndpoints;
        if (!isName)
        {
            yield return $"cluster.host: \"{section.Host}\" is neither a host's name nor an address";
        }
        else if (!isHost)
        {
            yield return $"cluster.host: {section.Host} is no address that others can reach; where to listen is said by cluster.bindAddress";
        }

        if (!isBound)
        {
            yield return $"cluster.bindAddress: \"{section.BindAddress}\" is no IPv4 or IPv6 address";
        }

        if (guardians.Count == 0)
        {
            yield return "cluster.guardians: empty; at least one guardian is needed, as host:port";
        }

        bool isGuardians = guardians.Any(guardian => IsSame(guardian.Host, section.Host) && guardian.Port == section.Port);
        if (role != ClusterRole.Guardian && isGuardians)
        {
            yield return $"cluster.port: {Shown(section.Host)}:{section.Port} is a guardian's; an agent takes another one (null: a free one)";
        }

        if (role == ClusterRole.Guardian)
        {
            if (section.Port is null or 0)
            {
                yield return "cluster.port: none; a guardian needs the one under which cluster.guardians names it";
            }
            else if (isHost && guardians.Count > 0 && !isGuardians)
            {
                yield return $"cluster.guardians: {Shown(section.Host)}:{section.Port} (cluster.host and cluster.port) is not among them: "
                    + string.Join(", ", guardians.Select(guardian => $"{Shown(guardian.Host)}:{guardian.Port}"));
            }
        }

        if (section.CertificateFile.Length == 0 && isHost && isBound && FirstBeyondLoopback(section, guardians) is var (key, address))
        {
            yield return $"{key}: {address} is not loopback, which needs cluster.certificateFile, cluster.keyFile and cluster.authorityFile: "
                + "without them anyone who reaches the port could speak as a guardian";
        }
    }

    /// <summary>Whether the address is this machine's own and nobody else's.</summary>
    public static bool IsLoopback(string host) =>
        IPAddress.TryParse(host, out IPAddress? address)
            ? IPAddress.IsLoopback(address)
            : host.Equals("localhost", StringComparison.OrdinalIgnoreCase);

    /// <summary>An IPv6 address stands in brackets before a port.</summary>
    public static string Shown(string host) => host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host;

    private static (string Key, string Address)? FirstBeyondLoopback(ClusterSection section, IReadOnlyList<ClusterEndpoint> guardians) =>
        !IsLoopback(section.Host) ? ("cluster.host", section.Host)
        : section.BindAddress.Length > 0 && !IsLoopback(section.BindAddress) ? ("cluster.bindAddress", section.BindAddress)
        : guardians.Where(guardian => !IsLoopback(guardian.Host)).Select(guardian => guardian.Host).FirstOrDefault() is { } host
            ? ("cluster.guardians", host)
        : null;

    private static bool IsAny(string host) =>
        IPAddress.TryParse(host, out IPAddress? address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));

    /// <summary>Whether two hosts are written differently at most.</summary>
    public static bool IsSame(string left, string right) =>
        IPAddress.TryParse(left, out IPAddress? first) && IPAddress.TryParse(right, out IPAddress? second)
            ? first.Equals(second)
            : left.Equals(right, StringComparison.OrdinalIgnoreCase);
}
