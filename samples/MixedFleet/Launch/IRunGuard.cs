using StragglerGuard.Agent;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace MixedFleet.Launch;

/// <summary>The guard of a run as the launcher uses it, wherever the guardian is.</summary>
internal interface IRunGuard : IAsyncDisposable
{
    /// <summary>Told of every decision, once, in order; must be quick.</summary>
    event Action<LedgerEntry>? Decided;

    /// <summary>Told a line that stands by itself: who decides now, what became of a guardian. What was to be said before is told at once.</summary>
    event Action<string>? Said;

    /// <summary>What is said of the guard before the first step.</summary>
    IReadOnlyList<string> Preface { get; }

    /// <summary>What is known of the job, as of a moment ago; null where nothing is.</summary>
    JobStatus? Status { get; }

    /// <summary>The agent of ranks that are threads of this process; null where ranks are processes.</summary>
    NodeAgent? Agent { get; }

    /// <summary>Where agents of other processes find the guardian; null where ranks are threads.</summary>
    GuardianPlace? Place { get; }

    /// <summary>Observes first, then does what the run asks for.</summary>
    /// <returns>Why that could not be said to anybody; null where it was.</returns>
    Task<string?> SetModesAsync(CancellationToken interrupted);

    /// <summary>Serves the metrics page.</summary>
    /// <param name="port">On loopback; null: where the options say.</param>
    /// <returns>Null where the options name no port.</returns>
    /// <exception cref="StragglerGuard.Hosting.EndpointUnavailableException">The port is taken.</exception>
    Task<MetricsEndpoint?> ServeMetricsAsync(int? port);

    /// <summary>Waits until every rank has left and all steps are judged.</summary>
    /// <returns>Whether that came within the time.</returns>
    Task<bool> JobEndedAsync(TimeSpan within);

    /// <summary>What is known of the job now.</summary>
    Task<JobStatus?> FinalStatusAsync();
}

/// <summary>Where agents find the guardian: one of the two.</summary>
/// <param name="Endpoint">Of the one guardian.</param>
/// <param name="Guardians">Of several, as <c>cluster.guardians</c>.</param>
internal sealed record GuardianPlace(Uri? Endpoint, string? Guardians);

/// <summary>A guard can't be had; the message is for the user.</summary>
internal sealed class GuardUnavailableException(string message, int exitCode) : Exception(message)
{
    /// <summary>See <see cref="CommandLine.ExitCodes"/>.</summary>
    public int ExitCode { get; } = exitCode;
}
