using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>The options in which all guardians are to agree: whoever decides goes by its own.</summary>
internal static class SharedOptions
{
    private const int DigestBytes = 8;

    /// <summary>What is a process's own, or no matter of guardians.</summary>
    private static readonly string[] s_own =
    [
        "agent.", "metrics.", "cluster.host", "cluster.bindAddress", "cluster.port", "cluster.agents", "cluster.certificateFile", "cluster.keyFile",
        "cluster.authorityFile", "cluster.controlToken", "actuators.webhook.secret",
    ];

    /// <summary>A digest of each, by key: values may be long, and are not everybody's to know.</summary>
    /// <param name="options">Within their ranges.</param>
    public static IReadOnlyDictionary<string, string> Digests(StragglerGuardOptions options)
    {
        var digests = new Dictionary<string, string>();
        Add(OptionTable.Root, options, digests);
        return digests;
    }

    /// <summary>The keys that two guardians know, and have different values of.</summary>
    public static IReadOnlyList<string> Differences(IReadOnlyDictionary<string, string> own, IReadOnlyDictionary<string, string> other) =>
        [.. own.Where(one => other.TryGetValue(one.Key, out string? digest) && digest != one.Value).Select(one => one.Key).Order(StringComparer.Ordinal)];

    private static void Add(OptionTable table, object section, Dictionary<string, string> digests)
    {
        foreach (OptionKey key in table.Keys)
        {
            object? value = key.Property.GetValue(section);
            if (key.Section is { } inner)
            {
                Add(inner, value!, digests);
            }
            else if (!Array.Exists(s_own, own => key.Path.StartsWith(own, StringComparison.Ordinal)))
            {
                digests[key.Path] = Digest(key.Path, value);
            }
        }
    }

    private static string Digest(string path, object? value)
    {
        // Of the ledger: where it is, but not the password to it.
        string text = path == "ledger.location" && value is string { Length: > 0 } location
            ? LedgerLocation.Parse(location).ToString()
            : value is System.Collections.IEnumerable several and not string
                ? string.Join(", ", several.Cast<object>().Select(one => Convert.ToString(one, CultureInfo.InvariantCulture)))
            : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{path}={text}")).AsSpan(0, DigestBytes));
    }
}
