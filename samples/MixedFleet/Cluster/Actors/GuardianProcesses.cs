using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using MixedFleet.Launch;
using StragglerGuard.Collectives;

namespace MixedFleet.Cluster.Actors;

/// <summary>The launcher's guardians: keeps three of them running, as a service manager would.</summary>
internal sealed class GuardianProcesses : IAsyncDisposable
{
    /// <summary>Three survive the loss of one.</summary>
    public const int Count = 3;

    private const long SoonNs = 5_000_000_000;

    /// <summary>A guardian that ends again and again soon after it was started is not worth another start.</summary>
    private const int SoonEndedMax = 4;

    private static readonly TimeSpan RestartMin = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan RestartMax = TimeSpan.FromSeconds(4);

    /// <summary>
    /// How long they may take to leave in order, once the job is over. Where all leave there is nobody to hand over to, and what they decided
    /// stands in the ledger: the rest is not worth a user's time.
    /// </summary>
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(1.5);

    private readonly IReadOnlyList<string> _words;
    private readonly string _job;
    private readonly string _ledger;
    private readonly string _tokenFile;
    private readonly Action<string> _say;
    private readonly GuardianChild?[] _children = new GuardianChild?[Count];
    private readonly int[] _ports = FreePorts();
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _keeping;
    private readonly ConcurrentDictionary<(int Index, string Complaint), bool> _complaints = [];

    private GuardianProcesses(IReadOnlyList<string> words, string job, string ledger, string tokenFile, Action<string> say)
    {
        _words = words;
        _job = job;
        _ledger = ledger;
        _tokenFile = tokenFile;
        _say = say;
        for (int index = 0; index < Count; index++)
        {
            _children[index] = StartOne(index);
        }

        _keeping = Task.WhenAll(Enumerable.Range(0, Count).Select(KeepAsync));
    }

    /// <summary>All of them, as <c>cluster.guardians</c>.</summary>
    public string Guardians => string.Join(", ", _ports.Select(port => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}")));

    /// <summary>Their processes, as they were started.</summary>
    public string Pids => string.Join(
        ", ", _children.Select((child, index) => string.Create(CultureInfo.InvariantCulture, $"guardian {index}: {child?.Pid}")));

    /// <summary>Completes when none of them is worth another start.</summary>
    public Task AllGivenUp => _keeping;

    /// <summary>Starts them.</summary>
    /// <param name="words">The launcher's own command line.</param>
    /// <param name="job">The job's name in this run.</param>
    /// <param name="ledger">The ledger that they share.</param>
    /// <param name="tokenFile">Holds the control token.</param>
    /// <param name="say">Told what becomes of them.</param>
    public static GuardianProcesses Start(IReadOnlyList<string> words, string job, string ledger, string tokenFile, Action<string> say) =>
        new(words, job, ledger, tokenFile, say);

    /// <summary>Has all of them leave in order; ends those that don't in time.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _keeping.ConfigureAwait(false);
        foreach (GuardianChild? child in _children)
        {
            child?.EndInput();
        }

        try
        {
            await Task.WhenAll(_children.OfType<GuardianChild>().Select(child => child.Exited)).WaitAsync(LeaveLimit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // They are ended below.
        }

        foreach (GuardianChild? child in _children)
        {
            child?.Dispose();
        }

        _closing.Dispose();
    }

    private async Task KeepAsync(int index)
    {
        TimeSpan pause = RestartMin;
        int soonEnded = 0;
        while (_children[index] is { } child)
        {
            long beganNs = MonotonicClock.NowNs();
            try
            {
                await child.Exited.WaitAsync(_closing.Token).ConfigureAwait(false);
                bool isSoon = MonotonicClock.NowNs() - beganNs < SoonNs;
                soonEnded = isSoon ? soonEnded + 1 : 0;
                pause = isSoon && pause * 2 < RestartMax ? pause * 2 : RestartMin;
                string who = string.Create(CultureInfo.InvariantCulture, $"guardian {index} (pid {child.Pid}) {child.Ending}");
                if (soonEnded >= SoonEndedMax)
                {
                    _say($"* {who}: it is not started again");
                    return;
                }

                await Task.Delay(pause, _closing.Token).ConfigureAwait(false);
                child.Dispose();
                _children[index] = StartOne(index);
                _say(string.Create(CultureInfo.InvariantCulture, $"* {who}: started again (pid {_children[index]?.Pid})"));
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private GuardianChild? StartOne(int index) => GuardianChild.Start(
        _words, new GuardianAssignment(_job, _ports[index], Guardians, _ledger, _tokenFile), complaint => Complain(index, complaint));

    private void Complain(int index, string complaint)
    {
        // Whoever looks for the others says so until it has found them.
        if (_complaints.TryAdd((index, complaint), true))
        {
            _say(string.Create(CultureInfo.InvariantCulture, $"* guardian {index}: {complaint}"));
        }
    }

    private static int[] FreePorts()
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, Count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        Array.ForEach(listeners, listener => listener.Start());
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        Array.ForEach(listeners, listener => listener.Dispose());
        return ports;
    }
}
