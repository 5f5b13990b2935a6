using System.Globalization;

namespace StragglerGuard.Actuators.Slurm;

/// <summary>One node as <c>scontrol --oneliner show node</c> tells it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsDrained">Whether it is drained or draining, up or down.</param>
/// <param name="IsDown">Whether it is down: failed, not responding, or set so by a person.</param>
/// <param name="Reason">Why, where it is either.</param>
/// <param name="Partitions">The partitions it is in.</param>
internal sealed record SlurmNode(string Name, bool IsDrained, bool IsDown, string Reason, IReadOnlyList<string> Partitions);

/// <summary>One partition as <c>scontrol --oneliner show partition</c> tells it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="NodeList">Its nodes in bracket form; empty where it has none.</param>
/// <param name="NodeCount">How many they are.</param>
internal sealed record SlurmPartition(string Name, string NodeList, int NodeCount);

/// <summary>
/// Reads the one-line records of <c>scontrol</c>, the same since long before 22.05; JSON came to these commands later and changed its
/// schema with every release.
/// </summary>
internal static class SlurmText
{
    // Behind these keys people write what they like; they come last.
    private static readonly string[] s_freeTextKeys = [" Comment=", " Extra=", " Reason="];

    /// <summary>Reads node records; a line that is none is passed over, an incomplete one is not a node.</summary>
    internal static IEnumerable<SlurmNode> Nodes(string output)
    {
        foreach (var line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var facts = WithoutFreeText(line);
            if (line.StartsWith("NodeName=", StringComparison.Ordinal) && Value(line, "NodeName=") is { } name && Value(facts, " State=") is { } state)
            {
                var partitions = Value(facts, " Partitions=")?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [];
                yield return new SlurmNode(
                    name, Is(state, "DRAIN", "DRAINED", "DRAINING"), Is(state, "DOWN", "FAIL", "ERROR"), ReasonOf(line), partitions);
            }
        }
    }

    /// <summary>Reads one partition record; null where there is none.</summary>
    internal static SlurmPartition? Partition(string output)
    {
        var line = output.Split('\n').FirstOrDefault(line => line.StartsWith("PartitionName=", StringComparison.Ordinal));
        if (line is null
            || Value(line, "PartitionName=") is not { } name
            || Value(line, " Nodes=") is not { } nodes
            || !int.TryParse(Value(line, " TotalNodes="), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return null;
        }

        return new SlurmPartition(name, nodes == "(null)" ? "" : nodes, count);
    }

    /// <summary>The value behind a key up to the next space; null where the key isn't there.</summary>
    internal static string? Value(string line, string key)
    {
        var start = line.IndexOf(key, StringComparison.Ordinal);
        if (start < 0)
        {
            return null;
        }

        start += key.Length;
        var end = line.IndexOf(' ', start);
        return (end < 0 ? line[start..] : line[start..end]).Trim();
    }

    private static string WithoutFreeText(string line)
    {
        var cuts = s_freeTextKeys.Select(key => line.IndexOf(key, StringComparison.Ordinal)).Where(at => at >= 0).ToArray();
        return cuts.Length == 0 ? line : line[..cuts.Min()];
    }

    /// <summary>A state is words joined by plus signs, each with marks behind: <c>MIXED+DRAIN</c>, <c>IDLE*+DRAIN</c>.</summary>
    private static bool Is(string state, params ReadOnlySpan<string> words)
    {
        foreach (var word in state.Split('+'))
        {
            if (words.Contains(word.TrimEnd('*', '~', '#', '!', '%', '$', '@', '^', '-')))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The reason without who set it and when: <c> [root@2026-01-02T03:04:05]</c>.</summary>
    private static string ReasonOf(string line)
    {
        var start = line.IndexOf(" Reason=", StringComparison.Ordinal);
        if (start < 0)
        {
            return "";
        }

        var reason = line[(start + " Reason=".Length)..].Trim();
        var signature = reason.LastIndexOf(" [", StringComparison.Ordinal);
        return reason.EndsWith(']') && signature >= 0 && reason.IndexOf('@', signature) > 0 ? reason[..signature] : reason;
    }
}
