using Akka.Actor;
using Akka.Configuration;
using StragglerGuard.AkkaCluster.Control;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>What an actor system of a cluster is made from: options that hold, with what was read from the files they name.</summary>
internal sealed class ClusterSettings
{
    private ClusterSettings(ClusterSection section, ClusterRole role, PeerTrust? trust, ControlToken? controlToken)
    {
        Section = section;
        Role = role;
        Trust = trust;
        ControlToken = controlToken;
        Config = SystemConfig.Of(section, role, trust is not null);
    }

    public ClusterSection Section { get; }

    public ClusterRole Role { get; }

    /// <summary>Whom to trust and what to show; null: no TLS.</summary>
    public PeerTrust? Trust { get; }

    /// <summary>What orders must show; null: none is obeyed. An agent's process has none, whatever its options name.</summary>
    public ControlToken? ControlToken { get; }

    /// <summary>The system's configuration, without the engines' own defaults.</summary>
    public Config Config { get; }

    /// <summary>The addresses of the guardians' systems.</summary>
    public IEnumerable<Address> Guardians =>
        Section.GuardianEndpoints.Select(guardian => Address.Parse(SystemConfig.AddressOf(guardian, Trust is not null)));

    /// <summary>Reads the options, and the files they name.</summary>
    /// <param name="options">Within their ranges: <see cref="OptionsReader.Check"/>.</param>
    /// <param name="role">What the process is to be.</param>
    /// <param name="nowUtc">Certificates are to be valid at this time.</param>
    public static ClusterSettingsOutcome Read(StragglerGuardOptions options, ClusterRole role, DateTimeOffset nowUtc)
    {
        ArgumentNullException.ThrowIfNull(options);
        ClusterSection section = options.Cluster;
        var problems = new List<string>(EndpointProblems.Find(section, role));
        PeerTrust? trust = PeerTrust.Read(section, nowUtc, problems);
        ControlToken? controlToken = role is ClusterRole.Guardian or ClusterRole.ControlClient ? ControlToken.Read(section, problems) : null;
        return problems.Count == 0
            ? new ClusterSettingsOutcome(new ClusterSettings(section, role, trust, controlToken), [])
            : new ClusterSettingsOutcome(null, problems);
    }

    /// <summary>As <see cref="Read"/>, for a caller that can't go on without.</summary>
    /// <exception cref="ArgumentException">Options that don't hold; the message has a line for each.</exception>
    public static ClusterSettings ReadOrThrow(StragglerGuardOptions options, ClusterRole role)
    {
        ArgumentNullException.ThrowIfNull(options);
        IReadOnlyList<OptionsError> errors = OptionsReader.Check(options).Errors;
        if (errors.Count > 0)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, errors), nameof(options));
        }

        ClusterSettingsOutcome outcome = Read(options, role, TimeProvider.System.GetUtcNow());
        return outcome.Settings ?? throw new ArgumentException(string.Join(Environment.NewLine, outcome.Problems), nameof(options));
    }
}

/// <summary>Settings that hold, or everything that is wrong with them.</summary>
/// <param name="Settings">Null where there are problems.</param>
/// <param name="Problems">A sentence each, which names the key.</param>
internal sealed record ClusterSettingsOutcome(ClusterSettings? Settings, IReadOnlyList<string> Problems);
