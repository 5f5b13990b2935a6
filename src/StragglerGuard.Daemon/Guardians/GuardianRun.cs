using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Hosting;
using StragglerGuard.PrometheusNet;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Daemon.Guardians;

/// <summary>A guardian as the host's service: from the start of the process to its signal.</summary>
internal sealed class GuardianRun(StragglerGuardOptions options, TextWriter output, TextWriter error) : IHostedService, IAsyncDisposable
{
    /// <summary>Leaving in order has limits of its own, which add up to less.</summary>
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(20);

    private readonly Lock _gate = new();
    private GuardianNode? _node;
    private PrometheusNetPage? _page;
    private MetricsEndpoint? _metrics;
    private GuardianStanding _standing;
    private bool _decided;
    private volatile bool _isLeaving;

    /// <summary>Runs until a signal.</summary>
    /// <param name="file">The options' file, for messages.</param>
    /// <param name="options">What it holds.</param>
    /// <param name="output">A line for every change.</param>
    /// <param name="error">What keeps it from deciding.</param>
    /// <returns>See <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string file, StragglerGuardOptions options, TextWriter output, TextWriter error)
    {
        try
        {
            await RunAsync(options, output, error).ConfigureAwait(false);
            return ExitCodes.Judged;
        }
        catch (Exception refused) when (refused is ArgumentException or EndpointUnavailableException)
        {
            // One line for each option.
            foreach (string line in MessageOf(refused).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            {
                error.WriteLine(TerminalText.Printable($"{file}: {line}"));
            }

            return ExitCodes.BadInput;
        }
        catch (Exception failed)
        {
            // A service manager starts it anew: what it reads is a reason, not where in the program it came up.
            error.WriteLine(TerminalText.OneLine($"guardian: {failed.GetBaseException().Message}"));
            return ExitCodes.Failed;
        }
    }

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // Whoever joins may decide at once: what this process can't have shows before.
        var page = new LatePage();
        if (options.Metrics is { Port: > 0 and var port, Address: var address })
        {
            _metrics = await MetricsEndpoint.StartAsync(page, IPAddress.Parse(address), port, cancellationToken).ConfigureAwait(false);
        }

        _node = await GuardianNode.StartAsync(options).ConfigureAwait(false);
        _node.Complained += complaint => error.WriteLine(TerminalText.OneLine(complaint));
        if (_metrics is not null)
        {
            _page = new PrometheusNetPage(_node.Instruments.Meter, maxSeries: options.Metrics.MaxSeries);
            page.Show(_page);
        }

        Say($"guardian at {options.Cluster.Host}:{options.Cluster.Port} looks for the others: {options.Cluster.Guardians}");
        if (_metrics is not null)
        {
            Say($"metrics at http://{_metrics.Endpoint}/metrics");
        }

        _node.StandingChanged += Note;
        Note(_node.Standing);
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => DisposeAsync().AsTask();

    /// <summary>Leaves in order, also where it was not started whole.</summary>
    public async ValueTask DisposeAsync()
    {
        _isLeaving = true;
        if (_metrics is not null)
        {
            await _metrics.DisposeAsync().ConfigureAwait(false);
        }

        _page?.Dispose();
        if (_node is not null)
        {
            await _node.DisposeAsync().ConfigureAwait(false);
            Note(_node.Standing);
        }
    }

    private static async Task RunAsync(StragglerGuardOptions options, TextWriter output, TextWriter error)
    {
        // No file and no variable of the environment has a say but the options.
        await using var run = new GuardianRun(options, output, error);
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.Configure<ConsoleLifetimeOptions>(lifetime => lifetime.SuppressStatusMessages = true);
        builder.Services.Configure<HostOptions>(limits => limits.ShutdownTimeout = LeaveLimit);
        builder.Services.AddSingleton<IHostedService>(run);
        using IHost host = builder.Build();
        CancellationToken stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        try
        {
            await host.RunAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // A signal that came before all was started: it leaves as at any other time.
        }
    }

    private void Note(GuardianStanding standing)
    {
        lock (_gate)
        {
            if (standing == _standing)
            {
                return;
            }

            if (_decided)
            {
                Say("decides no more");
            }

            if (_standing == GuardianStanding.Joining && standing != GuardianStanding.Left)
            {
                // Which ones are there may be known a moment later only.
                string members = string.Join(", ", _node!.Members);
                Say(members.Length > 0 ? $"joined the guardians: {members}" : "joined the guardians");
            }

            _standing = standing;
            _decided = standing == GuardianStanding.Deciding;
            switch (standing)
            {
                case GuardianStanding.Deciding:
                    Say("decides from now on");
                    break;
                case GuardianStanding.Joining when !_isLeaving:
                    Say("looks for the other guardians again");
                    break;
                case GuardianStanding.Left:
                    Say("left");
                    break;
            }
        }
    }

    private void Say(string line)
    {
        output.WriteLine(TerminalText.Printable(line));
        output.Flush();
    }

    /// <summary>Without the name of a parameter that .NET puts behind the message of an argument.</summary>
    private static string MessageOf(Exception refused) => refused is ArgumentException { ParamName: { } name }
        ? refused.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal)
        : refused.Message;
}
