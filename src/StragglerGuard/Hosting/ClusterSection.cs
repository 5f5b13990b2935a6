namespace StragglerGuard.Hosting;

/// <summary>How agents take part in a cluster of guardians.</summary>
public enum AgentMembership
{
    /// <summary>As clients of the guardians: a fleet may have thousands, a cluster tens of members.</summary>
    Clients = 0,

    /// <summary>
    /// As members that don't decide: for small fleets, whose agents then hear at once where the guardian is. One that nothing was heard of is
    /// put out, and joins again by itself; its ranks go on, and its newest reports wait.
    /// </summary>
    Members = 1,
}

/// <summary>
/// Settings of several guardians that stand in for each other: one decides, another takes over when it is gone. Needs the full stack;
/// without it, and while <see cref="Guardians"/> is empty, none of them is used.
/// </summary>
public sealed record ClusterSection
{
    /// <summary>The name or address under which the others reach this process.</summary>
    /// <value>1 to 253 characters; default <c>127.0.0.1</c>.</value>
    [TextOption(1, 253)]
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Where this process listens.</summary>
    /// <value>An IPv4 or IPv6 address as text; default empty: <see cref="Host"/>.</value>
    [TextOption(0, 253)]
    public string BindAddress { get; init; } = "";

    /// <summary>On which port. That of a guardian stands in <see cref="Guardians"/>, too.</summary>
    /// <value>0 to 65,535; null (the default) or 0: a free one, for agents.</value>
    [NumberOption(0, 65_535)]
    public int? Port { get; init; }

    /// <summary>All guardians of the fleet, the same list in the same order everywhere: <c>host:port, host:port</c>.</summary>
    /// <value>Up to 9 of them, each once; default empty: no cluster. Three survive the loss of one.</value>
    [EndpointsOption]
    public string Guardians { get; init; } = "";

    /// <summary>How agents take part.</summary>
    /// <value>Default <see cref="AgentMembership.Clients"/>.</value>
    [ChoiceOption]
    public AgentMembership Agents { get; init; } = AgentMembership.Clients;

    /// <summary>A guardian that was silent for so long can't be reached.</summary>
    /// <value>Seconds, 0.5 to 60; default 2.</value>
    [NumberOption(0.5, 60, Unit = "s")]
    public double FailureSeconds { get; init; } = 2;

    /// <summary>So long must nothing more have changed before the greater part goes on without those that can't be reached.</summary>
    /// <value>Seconds, 1 to 60; default 2.</value>
    [NumberOption(1, 60, Unit = "s")]
    public double SettleSeconds { get; init; } = 2;

    /// <summary>This process's certificate, PEM. Every process of the cluster shows one, and checks the others'.</summary>
    /// <value>A file; default empty: no TLS, which is refused for anything but loopback.</value>
    [TextOption(0, 4_096)]
    public string CertificateFile { get; init; } = "";

    /// <summary>Its private key, PEM, not encrypted.</summary>
    /// <value>A file; default empty.</value>
    [TextOption(0, 4_096)]
    public string KeyFile { get; init; } = "";

    /// <summary>The certificates that may have signed the others', PEM; no other authority is trusted.</summary>
    /// <value>A file; default empty.</value>
    [TextOption(0, 4_096)]
    public string AuthorityFile { get; init; } = "";

    /// <summary>
    /// The file that holds the token of whoever may give orders, as a change of a job's mode. Guardians and those who give orders know it; training
    /// nodes need not.
    /// </summary>
    /// <value>A path to 16 to 4,096 bytes; default empty: without the variable, either, guardians take no orders.</value>
    [TextOption(0, 4_096)]
    public string ControlTokenFile { get; init; } = "";

    /// <summary>The name of the environment variable that holds it, in place of a file.</summary>
    /// <value>A name; default empty: none.</value>
    [TextOption(0, 256)]
    public string ControlTokenVariable { get; init; } = "";

    /// <summary>The guardians one by one.</summary>
    internal IReadOnlyList<ClusterEndpoint> GuardianEndpoints => EndpointsOptionAttribute.TryRead(Guardians) ?? [];
}

/// <summary>Where a guardian is reached.</summary>
/// <param name="Host">Name or address, without brackets.</param>
/// <param name="Port">1 … 65,535.</param>
internal readonly record struct ClusterEndpoint(string Host, int Port);
