using System.ComponentModel;
using System.Security.Cryptography;
using MixedFleet.Launch;
using MixedFleet.Training;
using StragglerGuard.Agent;
using StragglerGuard.AkkaCluster.Control;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace MixedFleet.Cluster.Actors;

/// <summary>The guardians are processes of their own: the launcher's, or those that the options name.</summary>
internal sealed class ClusterGuard : IRunGuard
{
    /// <summary>Three programs start at the same time as the job's, and have to find each other.</summary>
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan RefreshPeriod = TimeSpan.FromMilliseconds(250);

    private readonly RunSettings _settings;
    private readonly GuardianProcesses? _processes;
    private readonly string? _temporaryFolder;
    private readonly GuardClient _client;
    private readonly SpokenLines _lines;
    private readonly TaskCompletionSource _found = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _closing = new();
    private Task _refreshing = Task.CompletedTask;
    private volatile JobStatus? _status;

    private ClusterGuard(
        RunSettings settings, GuardianProcesses? processes, string? temporaryFolder, string guardians, GuardClient client, SpokenLines lines)
    {
        _settings = settings;
        _processes = processes;
        _temporaryFolder = temporaryFolder;
        _client = client;
        _lines = lines;
        Place = new GuardianPlace(null, guardians);
        _client.Decided += entry => Decided?.Invoke(entry);
        _client.GuardianChanged += Note;
        _client.Follow();
    }

    public event Action<LedgerEntry>? Decided;

    public event Action<string>? Said
    {
        add => _lines.Add(value);
        remove => _lines.Remove(value);
    }

    public IReadOnlyList<string> Preface => _processes is null
        ? [$"  guards  those that run at {Place.Guardians}; what they may do stands in their options (mitigation.allowed), --mode holds for this job"]
        :
        [
            $"  guards  {_processes.Pids}; at {Place.Guardians}",
            _settings.LedgerPath.Length > 0
                ? $"  ledger  {LedgerLocation.Parse(_settings.LedgerPath)}"
                : "  ledger  a temporary file, gone with the run: processes can't share what is in one's memory (--ledger FILE keeps it)",
        ];

    public JobStatus? Status => _status;

    public NodeAgent? Agent => null;

    public GuardianPlace Place { get; }

    /// <summary>Starts guardians, or looks for those that the options name.</summary>
    /// <param name="settings">The run.</param>
    /// <param name="words">The command line as it was typed.</param>
    /// <exception cref="LedgerException">The ledger can't be used.</exception>
    /// <exception cref="GuardUnavailableException">The options don't hold.</exception>
    public static async Task<ClusterGuard> StartAsync(RunSettings settings, IReadOnlyList<string> words)
    {
        string guardians = settings.Options.Cluster.Guardians;
        var lines = new SpokenLines();
        GuardianProcesses? processes = null;
        string? temporaryFolder = null;
        string? tokenFile = null;
        try
        {
            if (guardians.Length == 0)
            {
                string folder = temporaryFolder = TemporaryPlace.Create();
                string ledger = settings.LedgerPath.Length > 0 ? settings.LedgerPath : Path.Combine(folder, "decisions.ledger");
                string token = tokenFile = Path.Combine(folder, "control.token");
                await File.WriteAllTextAsync(token, RandomNumberGenerator.GetHexString(32)).ConfigureAwait(false);

                // What can't be opened is better said at once than by each guardian.
                LedgerLocation.Parse(ledger).Open().Dispose();
                processes = GuardianProcesses.Start(
                    () => ChildProgram.Start(words, "--guardian-process"),
                    (port, all) => new GuardianAssignment(settings.Job.Value, port, all, ledger, token, folder),
                    lines.Say);
                guardians = processes.Guardians;
            }

            GuardClient client = await GuardClient.ConnectAsync(ClusterOptions.ForClient(settings.Options, guardians, tokenFile)).ConfigureAwait(false);
            return new ClusterGuard(settings, processes, temporaryFolder, guardians, client, lines);
        }
        catch (Exception fault)
        {
            await EndAsync(processes, temporaryFolder).ConfigureAwait(false);
            if (fault is Win32Exception)
            {
                throw new GuardUnavailableException($"MixedFleet: a guardian can't be started: {fault.Message}", CommandLine.ExitCodes.Failed);
            }

            if (fault is ArgumentException or EndpointUnavailableException)
            {
                throw new GuardUnavailableException(
                    CommandLine.OptionFaults.Say(settings.OptionsFile, fault), CommandLine.ExitCodes.BadInput);
            }

            throw;
        }
    }

    public async Task<string?> SetModesAsync(CancellationToken interrupted)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(interrupted);
        limit.CancelAfter(StartLimit);
        if (_processes is null)
        {
            await Console.Out.WriteLineAsync(
                FormattableString.Invariant($"waiting for the guardians at {Place.Guardians}, {StartLimit.TotalSeconds:0} s at most")).ConfigureAwait(false);
        }

        try
        {
            await Task.WhenAny(_found.Task, _processes?.AllGivenUp ?? _found.Task).WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!interrupted.IsCancellationRequested)
        {
            // Below: what the guardians said of it.
        }

        if (!_found.Task.IsCompleted)
        {
            _lines.Add(Console.Error.WriteLine);
            return FormattableString.Invariant(
                $"MixedFleet: no guardian of {Place.Guardians} decided {(_processes is { AllGivenUp.IsCompleted: true } ? "before all had ended" : $"within {StartLimit.TotalSeconds:0} s")}");
        }

        GuardAnswer first = await _client.SetModeAsync(_settings.Job, PolicyMode.Observe).WaitAsync(interrupted).ConfigureAwait(false);
        GuardAnswer second = !first.IsAnswered ? first
            : await _client.SetModeAsync(_settings.Job, _settings.GuardedMode, _settings.Phases.Observed).WaitAsync(interrupted).ConfigureAwait(false);
        _refreshing = Task.Run(RefreshAsync, CancellationToken.None);
        return second.IsAnswered ? null : $"MixedFleet: {second.Reason}";
    }

    /// <summary>Every guardian may serve a page of its own; this is none.</summary>
    public Task<MetricsEndpoint?> ServeMetricsAsync(int? port) => Task.FromResult<MetricsEndpoint?>(null);

    public async Task<bool> JobEndedAsync(TimeSpan within) => (await _client.JobEndedAsync(_settings.Job, within).ConfigureAwait(false)).Value;

    public async Task<JobStatus?> FinalStatusAsync()
    {
        GuardAnswer<JobStatus> answer = await _client.StatusAsync(_settings.Job).ConfigureAwait(false);
        return answer.Value ?? _status;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _closing.CancelAsync().ConfigureAwait(false);
            await _refreshing.ConfigureAwait(false);
            await _client.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            await EndAsync(_processes, _temporaryFolder).ConfigureAwait(false);
            _closing.Dispose();
        }
    }

    /// <summary>Ends the processes, and deletes what they shared, whatever fails.</summary>
    private static async Task EndAsync(GuardianProcesses? processes, string? temporaryFolder)
    {
        try
        {
            if (processes is not null)
            {
                await processes.DisposeAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            if (temporaryFolder is not null)
            {
                TemporaryPlace.Delete(temporaryFolder);
            }
        }
    }

    private void Note(string? guardian)
    {
        if (_processes is not null)
        {
            _processes.Deciding = guardian ?? _processes.Deciding;
        }

        _lines.Say(guardian is null ? "* no guardian decides now" : $"* the guardian {GuardianLabel.Of(guardian, _processes?.Pids)} decides");
        if (guardian is not null)
        {
            _found.TrySetResult();
        }
    }

    /// <summary>The display asks at any time, and can't wait.</summary>
    private async Task RefreshAsync()
    {
        using var timer = new PeriodicTimer(RefreshPeriod);
        try
        {
            while (await timer.WaitForNextTickAsync(_closing.Token).ConfigureAwait(false))
            {
                _status = (await _client.StatusAsync(_settings.Job).WaitAsync(_closing.Token).ConfigureAwait(false)).Value ?? _status;
            }
        }
        catch (OperationCanceledException)
        {
            // Closing.
        }
    }
}
