using System.Net;
using StragglerGuard.Actuators;
using StragglerGuard.Actuators.InJob;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Hosting;

/// <summary>
/// A whole guard in this process: guardian, ledger, instruments, fabric, and the agent of this node. What a training runner embeds.
/// </summary>
/// <example>
/// <code>
/// await using var guard = GuardHost.Start(new StragglerGuardOptions { Mode = PolicyMode.Act });
/// using RankGuard rank = guard.Join(new DeviceClass("H100"), communicator, microBatches: 32);
/// for (long step = 0; step &lt; steps; step++)
/// {
///     MicroBatchRange work = rank.BeginStep();
///     for (int k = work.First; k &lt; work.End; k++) { Accumulate(step, k); }
///     double weight = rank.Vote(samplesDone);
///     communicator.AllReduce(gradients);
///     optimizer.Step(gradients, 1 / weight);
/// }
/// </code>
/// </example>
public sealed class GuardHost : IAsyncDisposable
{
    private readonly StragglerGuardOptions _options;
    private readonly IGuardianFabric _fabric;
    private readonly GuardParts _parts;
    private readonly NodeAgent? _agent;
    private readonly NodeId _node;
    private readonly GuardInstruments _instruments;
    private readonly TextExposition _exposition;

    private GuardHost(GuardParts parts, IGuardianFabric fabric, IAgentFabric? local, IDeviceReader? devices = null)
    {
        _options = parts.Options;
        _fabric = fabric;
        _parts = parts;
        _node = new NodeId(Environment.MachineName);
        _instruments = new GuardInstruments();
        _exposition = new TextExposition(_instruments.Meter, _options.Metrics.MaxSeries);
        Guardian = new GuardianService(fabric, parts.Ledger, _options, _instruments, parts.Actuators);
        _agent = local is null ? null : new NodeAgent(local, _node, _options.Agent, devices);
    }

    /// <summary>The guardian.</summary>
    public GuardianService Guardian { get; }

    /// <summary>
    /// The agent of the ranks that are threads of this process, for jobs whose membership changes; null where the guard serves ranks of
    /// other processes.
    /// </summary>
    public NodeAgent? Agent => _agent;

    /// <summary>The instruments of this guard, for another exporter than the page of <see cref="ServeMetricsAsync()"/>.</summary>
    public GuardInstruments Instruments => _instruments;

    /// <summary>What it was started with.</summary>
    internal StragglerGuardOptions Options => _options;

    /// <summary>Where agents of other processes connect; null where all is in this process.</summary>
    public Uri? FabricEndpoint => (_fabric as WebSocketGuardianFabric)?.Endpoint;

    /// <summary>Starts a guard for ranks that are threads of this process.</summary>
    /// <param name="options">Checked options.</param>
    /// <param name="membership">What the training runner offers for <see cref="ActuatorChoice.InJob"/>; null where that is not used.</param>
    /// <param name="devices">Asks the ranks' devices how they are; null where nobody can. The caller's to dispose, after this.</param>
    /// <exception cref="ArgumentException">
    /// An option is out of its range, or the actuators that are asked for can't be made of them; the message names every such option.
    /// </exception>
    /// <exception cref="LedgerClaimedException">Another guardian writes the ledger; the message says which.</exception>
    /// <exception cref="LedgerException">The ledger can't be opened, or is damaged.</exception>
    public static GuardHost Start(StragglerGuardOptions options, IJobMembership? membership = null, IDeviceReader? devices = null)
    {
        GuardParts parts = GuardParts.Open(options, membership);
        var fabric = new InProcessFabric();
        return new GuardHost(parts, fabric, fabric, devices);
    }

    /// <summary>Starts a guard for ranks in other processes, whose agents connect with a <see cref="WebSocketAgentFabric"/>.</summary>
    /// <param name="options">Checked options.</param>
    /// <param name="address">Where to listen; loopback unless there is a reason.</param>
    /// <param name="port">0 takes a free one, see <see cref="FabricEndpoint"/>.</param>
    /// <param name="token">What an agent must show.</param>
    /// <param name="membership">What the training runner offers for <see cref="ActuatorChoice.InJob"/>; null where that is not used.</param>
    /// <exception cref="ArgumentException">
    /// An option is out of its range, or the actuators that are asked for can't be made of them; the message names every such option.
    /// </exception>
    /// <exception cref="LedgerClaimedException">Another guardian writes the ledger; the message says which.</exception>
    /// <exception cref="LedgerException">The ledger can't be opened, or is damaged.</exception>
    /// <exception cref="EndpointUnavailableException">The port is taken or the address is not this machine's.</exception>
    public static async Task<GuardHost> ServeAsync(
        StragglerGuardOptions options, IPAddress address, int port, string token, IJobMembership? membership = null)
    {
        GuardParts parts = GuardParts.Open(options, membership);
        try
        {
            return new GuardHost(parts, await WebSocketGuardianFabric.StartAsync(address, port, token).ConfigureAwait(false), local: null);
        }
        catch
        {
            parts.Dispose();
            throw;
        }
    }

    /// <summary>Adds a rank of this process to the job that the options name, as generation 0 of a data-parallel job.</summary>
    /// <param name="deviceClass">What it computes on.</param>
    /// <param name="communicator">All ranks of the job; the rank's own thread uses it, for the ballot.</param>
    /// <param name="microBatches">Micro-batches of a global batch, M; the same on every rank.</param>
    /// <param name="plan">The plan that the job begins with, the same on every rank; null for the even deal.</param>
    /// <param name="firstStep">The first step, the same on every rank, 0 or more: over 0 where a job goes on from a checkpoint.</param>
    /// <exception cref="ArgumentException">The plan is not one of this job's shape.</exception>
    /// <exception cref="InvalidOperationException">This guard serves ranks of other processes.</exception>
    public RankGuard Join(
        DeviceClass deviceClass, Communicator communicator, int microBatches, JobPlan? plan = null, long firstStep = 0)
    {
        ArgumentNullException.ThrowIfNull(communicator);
        NodeAgent agent = _agent ?? throw new InvalidOperationException("this guard serves ranks of other processes: join through a NodeAgent there");
        return agent.Join(
            RankEnrollment.DataParallel(new JobId(_options.Job), _node, deviceClass, communicator, microBatches), communicator, plan, firstStep);
    }

    /// <summary>Serves the metrics page of this guard.</summary>
    /// <param name="address">Loopback unless there is a reason.</param>
    /// <param name="port">0 takes a free one.</param>
    /// <returns>The endpoint; dispose it before this guard.</returns>
    /// <exception cref="EndpointUnavailableException">The port is taken or the address is not this machine's.</exception>
    public Task<MetricsEndpoint> ServeMetricsAsync(IPAddress address, int port) =>
        MetricsEndpoint.StartAsync(_exposition, address, port);

    /// <summary>Serves the metrics page of this guard where its options say.</summary>
    /// <returns>The endpoint, to be disposed before this guard; null where the options name no port.</returns>
    /// <exception cref="EndpointUnavailableException">The port is taken or the address is not this machine's.</exception>
    public async Task<MetricsEndpoint?> ServeMetricsAsync() => _options.Metrics is { Port: > 0 and var port, Address: var address }
        ? await ServeMetricsAsync(IPAddress.Parse(address), port).ConfigureAwait(false)
        : null;

    /// <summary>Sends what is unread, judges it, and stops. The job goes on with its last plan.</summary>
    public async ValueTask DisposeAsync()
    {
        _agent?.Dispose();
        await Guardian.DisposeAsync().ConfigureAwait(false);
        await _fabric.DisposeAsync().ConfigureAwait(false);
        _parts.Dispose();
        _exposition.Dispose();
        _instruments.Dispose();
    }
}
