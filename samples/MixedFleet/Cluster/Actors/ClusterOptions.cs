using StragglerGuard.Hosting;

namespace MixedFleet.Cluster.Actors;

/// <summary>Options of the processes of a run.</summary>
internal static class ClusterOptions
{
    /// <summary>Of a process that is no guardian.</summary>
    /// <param name="options">The run's.</param>
    /// <param name="guardians">All guardians.</param>
    /// <param name="tokenFile">Holds the control token of the launcher's own guardians; null for a process that gives no orders.</param>
    public static StragglerGuardOptions ForClient(StragglerGuardOptions options, string guardians, string? tokenFile = null) => options with
    {
        // Where the options name guardians they know the machine's name, too; the launcher's own are on loopback.
        Cluster = options.Cluster.Guardians.Length > 0
            ? options.Cluster with { Port = null }
            : options.Cluster with
            {
                Host = "127.0.0.1", BindAddress = "", Port = null, Guardians = guardians, ControlTokenFile = tokenFile ?? "", ControlTokenVariable = "",
            },
    };

    /// <summary>Of one of the launcher's guardians.</summary>
    /// <param name="options">The run's.</param>
    /// <param name="port">Where it listens, on loopback.</param>
    /// <param name="guardians">All of them.</param>
    /// <param name="ledger">That they share.</param>
    /// <param name="tokenFile">Holds their control token.</param>
    public static StragglerGuardOptions ForGuardian(
        StragglerGuardOptions options, int port, string guardians, string ledger, string tokenFile) => options with
    {
        Ledger = options.Ledger with { Location = ledger },
        Cluster = options.Cluster with
        {
            Host = "127.0.0.1", BindAddress = "", Port = port, Guardians = guardians, ControlTokenFile = tokenFile, ControlTokenVariable = "",
        },
    };
}
