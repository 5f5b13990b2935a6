using StragglerGuard.Actuators.Slurm;

namespace StragglerGuard.Tests.Actuators.Slurm;

/// <summary>What scontrol does to nodes and partitions, at the boundary to the operating system: for what a real Slurm can't be made to do on demand.</summary>
internal sealed class SimulatedSlurm : ICommandRunner
{
    public const string Unreachable = "slurm_update error: Unable to contact slurm controller (connect failure)";

    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, (bool IsDrained, string Reason)> _nodes = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SortedSet<string>> _partitions = new(StringComparer.Ordinal);

    public SimulatedSlurm(int nodes, params string[] partitions)
    {
        for (var i = 1; i <= nodes; i++)
        {
            _nodes[$"n{i}"] = (false, "");
        }

        foreach (var partition in partitions)
        {
            _partitions[partition] = new SortedSet<string>(StringComparer.Ordinal);
        }
    }

    /// <summary>Called before each command, with its arguments; what it returns takes the command's place.</summary>
    public Func<string, CommandResult?> Before { get; set; } = _ => null;

    /// <summary>Called after each change, with its arguments.</summary>
    public Action<string> After { get; set; } = _ => { };

    /// <summary>The changes that were made, in order.</summary>
    public List<string> Changes { get; } = [];

    /// <summary>The options of an actuator whose pools are named as their partitions.</summary>
    public SlurmActuatorOptions Options => new() { Pools = _partitions.Keys.Where(name => name != "test").ToDictionary(name => name) };

    /// <summary>All there is, as text to compare.</summary>
    public string State
    {
        get
        {
            lock (_gate)
            {
                return string.Join('\n', _nodes.Select(pair => Describe(pair.Key)));
            }
        }
    }

    public void Put(string node, string partition) => _partitions[partition].Add(node);

    public void Drain(string node, string reason) => _nodes[node] = (true, reason);

    public void Resume(string node) => _nodes[node] = (false, "");

    public string Describe(string node) =>
        $"{node} {(_nodes[node].IsDrained ? $"drained \"{_nodes[node].Reason}\"" : "serving")} in {string.Join('+', PartitionsOf(node))}";

    public ValueTask<CommandResult> RunAsync(
        string program, IReadOnlyList<string> arguments, string? workingDirectory, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        program.Should().Be("scontrol");
        var text = string.Join(' ', arguments);
        if (Before(text) is { } instead)
        {
            return new(instead);
        }

        CommandResult result;
        lock (_gate)
        {
            result = Run([.. arguments.Where(argument => !argument.StartsWith("--", StringComparison.Ordinal))]);
            if (arguments[0] == "update" && result.IsSuccess)
            {
                Changes.Add(text["update ".Length..]);
            }
        }

        if (arguments[0] == "update" && result.IsSuccess)
        {
            After(text);
        }

        return new(result);
    }

    private static CommandResult Print(string text) => new(0, text, "");

    private static CommandResult Fail(string text) => new(1, "", text);

    private CommandResult Run(string[] arguments) => arguments switch
    {
        ["show", "node"] => Print(string.Concat(_nodes.Keys.Select(Record))),
        ["show", "partition", var name] => _partitions.TryGetValue(name, out var members)
            ? Print($"PartitionName={name} Default=NO Nodes={(members.Count == 0 ? "(null)" : string.Join(',', members))} State=UP TotalCPUs=1 TotalNodes={members.Count}\n")
            : Fail($"Partition {name} not found"),
        ["show", "hostnames", var list] => Print(string.Join('\n', HostLists.Expand(list))),
        ["update", var target, var state, .. var rest] when target.StartsWith("NodeName=", StringComparison.Ordinal) =>
            UpdateNode(target["NodeName=".Length..], state, rest),
        ["update", var target, var nodes] when target.StartsWith("PartitionName=", StringComparison.Ordinal) =>
            UpdatePartition(target["PartitionName=".Length..], nodes["Nodes=".Length..]),
        _ => Fail("Invalid entity"),
    };

    private string Record(string node)
    {
        var partitions = string.Join(',', PartitionsOf(node));
        return $"NodeName={node} OS=Linux 6.1 #1 SMP State=IDLE{(_nodes[node].IsDrained ? "+DRAIN" : "")} Weight=1 "
            + (partitions.Length == 0 ? "" : $"Partitions={partitions} ") + "BootTime=None"
            + (_nodes[node].IsDrained ? $" Reason={_nodes[node].Reason} [root@2026-03-04T05:06:07]" : "") + "\n";
    }

    private IEnumerable<string> PartitionsOf(string node) => _partitions.Where(pair => pair.Value.Contains(node)).Select(pair => pair.Key);

    private CommandResult UpdateNode(string node, string state, string[] rest)
    {
        if (!_nodes.TryGetValue(node, out var is_))
        {
            return Fail("slurm_update error: Invalid node name specified");
        }

        switch (state)
        {
            case "State=DRAIN":
                _nodes[node] = (true, rest.Single()["Reason=".Length..]);
                return Print("");
            case "State=UNDRAIN" when is_.IsDrained:
                _nodes[node] = (false, "");
                return Print("");
            default:
                return Fail("slurm_update error: Invalid node state specified");
        }
    }

    private CommandResult UpdatePartition(string partition, string list)
    {
        if (!_partitions.ContainsKey(partition))
        {
            return Fail("slurm_update error: Invalid partition name specified");
        }

        var nodes = HostLists.Expand(list);
        if (nodes.Any(node => !_nodes.ContainsKey(node)))
        {
            return Fail("slurm_update error: Invalid node name specified");
        }

        _partitions[partition] = new SortedSet<string>(nodes, StringComparer.Ordinal);
        return Print("");
    }
}
