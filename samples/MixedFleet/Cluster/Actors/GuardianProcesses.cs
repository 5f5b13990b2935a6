using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
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

    /// <summary>
    /// How long those that stand by may take to leave in order, once the job is over, and then the one that decides. What they decided stands in the
    /// ledger: more is not worth a user's time.
    /// </summary>
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(2);

    private readonly Func<Process?> _program;
    private readonly Func<int, string, GuardianAssignment> _assign;
    private readonly Action<string> _say;
    private readonly GuardianChild?[] _children = new GuardianChild?[Count];
    private readonly int[] _ports = FreePorts();
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentDictionary<(int Index, string Complaint), bool> _complaints = [];
    private Task _keeping = Task.CompletedTask;

    private GuardianProcesses(Func<Process?> program, Func<int, string, GuardianAssignment> assign, Action<string> say)
    {
        _program = program;
        _assign = assign;
        _say = say;
    }

    /// <summary>All of them, as <c>cluster.guardians</c>.</summary>
    public string Guardians => string.Join(", ", _ports.Select(port => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}")));

    /// <summary>Their processes, as they were started.</summary>
    public string Pids => string.Join(
        ", ", _children.Select((child, index) => string.Create(CultureInfo.InvariantCulture, $"guardian {index}: {child?.Pid}")));

    /// <summary>The name in the ledger of the one that decides; null where none is known to.</summary>
    public string? Deciding { get; set; }

    /// <summary>Completes when none of them is worth another start.</summary>
    public Task AllGivenUp => _keeping;

    /// <summary>Starts them.</summary>
    /// <param name="program">Starts the process of one.</param>
    /// <param name="assign">Who one is, by its port and all of them.</param>
    /// <param name="say">Told what becomes of them.</param>
    /// <exception cref="Win32Exception">The system starts no process.</exception>
    public static GuardianProcesses Start(Func<Process?> program, Func<int, string, GuardianAssignment> assign, Action<string> say)
    {
        var guardians = new GuardianProcesses(program, assign, say);
        try
        {
            for (int index = 0; index < Count; index++)
            {
                guardians._children[index] = guardians.StartOne(index);
            }
        }
        catch
        {
            guardians.EndChildren();
            throw;
        }

        guardians._keeping = Task.WhenAll(Enumerable.Range(0, Count).Select(guardians.KeepAsync));
        return guardians;
    }

    /// <summary>Has all of them leave in order; ends those that don't in time.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _closing.CancelAsync().ConfigureAwait(false);
            await _keeping.ConfigureAwait(false);

            // The one that decides last: it would hand over to one that is about to leave, too.
            GuardianChild[] all = [.. _children.OfType<GuardianChild>()];
            await LeaveAsync([.. all.Where(child => !Decides(child))]).ConfigureAwait(false);
            await LeaveAsync([.. all.Where(Decides)]).ConfigureAwait(false);
        }
        finally
        {
            EndChildren();
            _closing.Dispose();
        }
    }

    private bool Decides(GuardianChild child) => GuardianLabel.IsOf(Deciding, child.Pid);

    private static async Task LeaveAsync(IReadOnlyList<GuardianChild> children)
    {
        foreach (GuardianChild child in children)
        {
            child.EndInput();
        }

        try
        {
            await Task.WhenAll(children.Select(child => child.Exited)).WaitAsync(LeaveLimit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Whoever is left is ended after all.
        }
    }

    private void EndChildren()
    {
        foreach (GuardianChild? child in _children)
        {
            child?.Dispose();
        }
    }

    private async Task KeepAsync(int index)
    {
        var pacing = new RestartPacing();
        string fate = string.Create(CultureInfo.InvariantCulture, $"guardian {index} could not be started");
        try
        {
            while (true)
            {
                TimeSpan lived = TimeSpan.Zero;
                if (_children[index] is { } child)
                {
                    long beganNs = MonotonicClock.NowNs();
                    await child.Exited.WaitAsync(_closing.Token).ConfigureAwait(false);
                    lived = TimeSpan.FromMicroseconds((MonotonicClock.NowNs() - beganNs) / 1_000);
                    fate = string.Create(CultureInfo.InvariantCulture, $"guardian {index} (pid {child.Pid}) {child.Ending}");
                }

                if (pacing.AfterEnd(lived) is not { } pause)
                {
                    _say($"* {fate}: it is not started again");
                    return;
                }

                await Task.Delay(pause, _closing.Token).ConfigureAwait(false);
                fate = StartAgain(index, fate);
            }
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // Closing.
        }
    }

    /// <summary>Starts one in place of one that is gone.</summary>
    /// <returns>What became of it, where it could not be started.</returns>
    private string StartAgain(int index, string fate)
    {
        _children[index]?.Dispose();
        _children[index] = null;
        string why = "";
        try
        {
            _children[index] = StartOne(index);
        }
        catch (Win32Exception refused)
        {
            why = $" ({refused.Message})";
        }

        if (_children[index] is { } next)
        {
            _say(string.Create(CultureInfo.InvariantCulture, $"* {fate}: started again (pid {next.Pid})"));
            return fate;
        }

        string unstarted = string.Create(CultureInfo.InvariantCulture, $"guardian {index} could not be started{why}");
        _say($"* {(fate == unstarted ? fate : $"{fate}: {unstarted}")}");
        return unstarted;
    }

    private GuardianChild? StartOne(int index) =>
        GuardianChild.Start(_program, _assign(_ports[index], Guardians), complaint => Complain(index, complaint));

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
