using StragglerGuard.Hosting;

namespace StragglerGuard.Actuators;

/// <summary>Who takes nodes out of service and back.</summary>
public enum ActuatorChoice
{
    /// <summary>Nobody: what a plan can't do is only told.</summary>
    None = 0,

    /// <summary>The training runner that the guard is embedded in.</summary>
    InJob = 1,

    /// <summary>Slurm, by its commands.</summary>
    Slurm = 2,

    /// <summary>A service of the house, by signed calls.</summary>
    Webhook = 3,
}

/// <summary>Settings of the actuators.</summary>
public sealed record ActuatorsSection
{
    /// <summary>Who takes nodes out of service and back.</summary>
    /// <value>Default <see cref="ActuatorChoice.None"/>.</value>
    [ChoiceOption]
    public ActuatorChoice Use { get; init; } = ActuatorChoice.None;

    /// <summary>How often one reconciliation looks and acts before it leaves the rest to the next.</summary>
    /// <value>1 to 100; default 5.</value>
    [NumberOption(1, 100)]
    public int Rounds { get; init; } = 5;

    /// <summary>The wait after a failure; it doubles with each.</summary>
    /// <value>Seconds, 0.01 to 60; default 0.5.</value>
    [NumberOption(0.01, 60, Unit = "s")]
    public double FirstDelaySeconds { get; init; } = 0.5;

    /// <summary>The longest wait between two tries.</summary>
    /// <value>Seconds, 0.01 to 3,600, no less than the first; default 30.</value>
    [NumberOption(0.01, 3_600, Unit = "s")]
    public double LongestDelaySeconds { get; init; } = 30;

    /// <summary>How Slurm is reached.</summary>
    public SlurmSection Slurm { get; init; } = new();

    /// <summary>Where the webhook listens.</summary>
    public WebhookSection Webhook { get; init; } = new();
}

/// <summary>Settings of the actuator for Slurm.</summary>
public sealed record SlurmSection
{
    /// <summary>The pools, each with the partition that it is: <c>h100=gpu-h100, a100=gpu-a100</c>.</summary>
    /// <value>Up to 4,096 characters; default empty: nodes are drained and resumed, never moved.</value>
    [PoolMapOption]
    public string Pools { get; init; } = "";

    /// <summary>The cluster's configuration (<c>SLURM_CONF</c>).</summary>
    /// <value>A path; default empty: whatever Slurm's own search finds.</value>
    [TextOption(0, 4_096)]
    public string ConfigurationFile { get; init; } = "";

    /// <summary>The folder of Slurm's commands.</summary>
    /// <value>A path; default empty: the PATH.</value>
    [TextOption(0, 4_096)]
    public string CommandFolder { get; init; } = "";

    /// <summary>How long one command may take.</summary>
    /// <value>Seconds, 0.1 to 600; default 15.</value>
    [NumberOption(0.1, 600, Unit = "s")]
    public double CommandTimeoutSeconds { get; init; } = 15;
}

/// <summary>Settings of the actuator that calls a webhook. The secret itself is no setting: a file or an environment variable holds it.</summary>
public sealed record WebhookSection
{
    /// <summary>Where actions are posted to.</summary>
    /// <value>http or https, without user name or password; default empty: nowhere.</value>
    [TextOption(0, 2_048)]
    public string Url { get; init; } = "";

    /// <summary>Where the state of the nodes is read by GET.</summary>
    /// <value>Like the URL; default empty: what was last acknowledged stands for it.</value>
    [TextOption(0, 2_048)]
    public string ObserveUrl { get; init; } = "";

    /// <summary>The file that holds the secret.</summary>
    /// <value>A path; default empty: none.</value>
    [TextOption(0, 4_096)]
    public string SecretFile { get; init; } = "";

    /// <summary>The name of the environment variable that holds the secret.</summary>
    /// <value>A name; default empty: none.</value>
    [TextOption(0, 256)]
    public string SecretVariable { get; init; } = "";

    /// <summary>How long one call may take.</summary>
    /// <value>Seconds, 0.1 to 600; default 10.</value>
    [NumberOption(0.1, 600, Unit = "s")]
    public double TimeoutSeconds { get; init; } = 10;
}
