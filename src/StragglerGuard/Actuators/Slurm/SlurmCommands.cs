using StragglerGuard.Core;

namespace StragglerGuard.Actuators.Slurm;

/// <summary>What a command of Slurm's printed, or why it failed and whether to try again.</summary>
internal readonly record struct SlurmReply(string Output, ActuationOutcome? Failure);

/// <summary>Slurm's commands as the actuator and the resubmitter need them.</summary>
internal sealed class SlurmCommands(ICommandRunner runner)
{
    private const int ReasonLengthMax = 300;

    // What Slurm says where trying again can't help. All else may pass: a controller that starts, fails over, reconfigures.
    private static readonly string[] s_permanent =
    [
        "Invalid node name",
        "Invalid partition name",
        "Invalid user id",
        "Access/permission denied",
        "Invalid account",
        "Requested node configuration is not available",
        "Update of this parameter is not supported",
        "Unable to open file",
        "unrecognized option",
        "invalid option",
    ];

    /// <summary>Runs a command.</summary>
    internal async ValueTask<SlurmReply> RunAsync(
        string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken, string? workingDirectory = null)
    {
        var result = await runner.RunAsync(program, arguments, workingDirectory, cancellationToken).ConfigureAwait(false);
        if (result.IsSuccess)
        {
            return new SlurmReply(result.Output, null);
        }

        var said = OneLine(result.Error.Length > 0 ? result.Error : result.Output);
        if (result.ExitCode is not { } code)
        {
            return new SlurmReply("", ActuationOutcome.RetryLater(said));
        }

        var reason = $"{program} failed ({code}): {(said.Length == 0 ? "no reason given" : said)}";
        var isPermanent = s_permanent.Any(text => said.Contains(text, StringComparison.OrdinalIgnoreCase));
        return new SlurmReply("", isPermanent ? ActuationOutcome.Refused(reason) : ActuationOutcome.RetryLater(reason));
    }

    /// <summary>All nodes of the cluster, those in no partition and in hidden ones too, by name.</summary>
    internal async ValueTask<(Dictionary<string, SlurmNode> Nodes, ActuationOutcome? Failure)> ReadNodesAsync(CancellationToken cancellationToken)
    {
        var reply = await RunAsync("scontrol", ["--all", "--oneliner", "show", "node"], cancellationToken).ConfigureAwait(false);
        var nodes = new Dictionary<string, SlurmNode>(StringComparer.Ordinal);
        foreach (var node in SlurmText.Nodes(reply.Output))
        {
            nodes[node.Name] = node;
        }

        return reply.Failure is null && nodes.Count == 0
            ? (nodes, ActuationOutcome.RetryLater("scontrol told of no node that could be read"))
            : (nodes, reply.Failure);
    }

    /// <summary>The names in a list in bracket form.</summary>
    internal async ValueTask<(IReadOnlyList<string> Names, ActuationOutcome? Failure)> ExpandAsync(string list, CancellationToken cancellationToken)
    {
        if (list.Length == 0)
        {
            return ([], null);
        }

        var reply = await RunAsync("scontrol", ["show", "hostnames", list], cancellationToken).ConfigureAwait(false);
        return (reply.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), reply.Failure);
    }

    private static string OneLine(string text)
    {
        var line = string.Join("; ", text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        return line.Length <= ReasonLengthMax ? line : line[..ReasonLengthMax] + "…";
    }
}
