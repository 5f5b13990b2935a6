using System.Net;
using MixedFleet.Training;
using StragglerGuard.Agent;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace MixedFleet.Launch;

/// <summary>The guardian is a part of the launcher.</summary>
internal sealed class EmbeddedGuard : IRunGuard
{
    private readonly RunSettings _settings;
    private readonly GuardHost _host;

    private EmbeddedGuard(RunSettings settings, GuardHost host)
    {
        _settings = settings;
        _host = host;
        Place = host.FabricEndpoint is { } endpoint ? new GuardianPlace(endpoint, null) : null;
    }

    public event Action<LedgerEntry>? Decided
    {
        add => _host.Guardian.Decided += value;
        remove => _host.Guardian.Decided -= value;
    }

    /// <summary>It says nothing: it lives and dies with the launcher.</summary>
    public event Action<string>? Said
    {
        add { }
        remove { }
    }

    public IReadOnlyList<string> Preface => [];

    public JobStatus? Status => _host.Guardian.Status(_settings.Job);

    public NodeAgent? Agent => _host.Agent;

    public GuardianPlace? Place { get; }

    /// <summary>Starts it.</summary>
    /// <param name="settings">The run.</param>
    /// <param name="processes">Whether ranks are processes.</param>
    /// <param name="token">What their agents must show.</param>
    /// <exception cref="LedgerException">The ledger can't be used.</exception>
    public static async Task<EmbeddedGuard> StartAsync(RunSettings settings, bool processes, string token) => new(
        settings,
        processes
            ? await GuardHost.ServeAsync(settings.Options, IPAddress.Loopback, port: 0, token).ConfigureAwait(false)
            : GuardHost.Start(settings.Options, devices: settings.Devices.Reader));

    public Task<string?> SetModesAsync(CancellationToken interrupted)
    {
        _host.Guardian.SetMode(_settings.Job, PolicyMode.Observe);
        _host.Guardian.SetMode(_settings.Job, _settings.GuardedMode, fromStep: _settings.Phases.Observed);
        return Task.FromResult<string?>(null);
    }

    public async Task<MetricsEndpoint?> ServeMetricsAsync(int? port) => port is { } asked
        ? await _host.ServeMetricsAsync(IPAddress.Loopback, asked).ConfigureAwait(false)
        : await _host.ServeMetricsAsync().ConfigureAwait(false);

    public Task<bool> JobEndedAsync(TimeSpan within) => _host.Guardian.JobEndedAsync(_settings.Job, within);

    public Task<JobStatus?> FinalStatusAsync() => Task.FromResult(Status);

    public ValueTask DisposeAsync() => _host.DisposeAsync();
}
