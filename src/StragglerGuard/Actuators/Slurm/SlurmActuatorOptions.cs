namespace StragglerGuard.Actuators.Slurm;

/// <summary>How Slurm is reached and which of its partitions are pools.</summary>
public sealed record SlurmActuatorOptions
{
    /// <summary>The pools by StragglerGuard's name, each with the partition that it is. Other partitions are never changed.</summary>
    /// <value>One to one; names of letters, digits, dots, underscores and dashes. Default none: nodes are drained and resumed, never moved.</value>
    public IReadOnlyDictionary<string, string> Pools { get; init; } = new Dictionary<string, string>();

    /// <summary>The cluster's configuration, for <c>SLURM_CONF</c>.</summary>
    /// <value>A path; empty (the default): whatever Slurm's own search finds.</value>
    public string ConfigurationFile { get; init; } = "";

    /// <summary>The folder of <c>scontrol</c>, <c>squeue</c>, <c>sbatch</c> and <c>scancel</c>.</summary>
    /// <value>A path; empty (the default): the PATH.</value>
    public string CommandFolder { get; init; } = "";

    /// <summary>How long one command may take. Slurm's own commands give up on an unreachable controller after about 9 s.</summary>
    /// <value>0.1 s to 10 minutes; default 15 s.</value>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(15);

    internal void ThrowIfInvalid()
    {
        ArgumentNullException.ThrowIfNull(Pools);
        ArgumentNullException.ThrowIfNull(ConfigurationFile);
        ArgumentNullException.ThrowIfNull(CommandFolder);
        ArgumentOutOfRangeException.ThrowIfLessThan(CommandTimeout, TimeSpan.FromSeconds(0.1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(CommandTimeout, TimeSpan.FromMinutes(10));
        foreach (var (pool, partition) in Pools)
        {
            if (!SlurmNames.IsName(pool) || !SlurmNames.IsName(partition))
            {
                throw new ArgumentException($"A pool and its partition need plain names, not '{pool}' and '{partition}'.", nameof(Pools));
            }
        }

        if (Pools.Values.Distinct(StringComparer.Ordinal).Count() != Pools.Count)
        {
            throw new ArgumentException("Two pools can't be the same partition.", nameof(Pools));
        }
    }
}
