using System.Diagnostics;
using MixedFleet.Training;

namespace MixedFleet.Launch;

/// <summary>A rank's process as the launcher holds it.</summary>
internal sealed class RankChild : IDisposable
{
    private readonly Process _process;
    private readonly Action<RankChild, RankMessage> _onMessage;
    private readonly Lock _gate = new();
    private Task _telling = Task.CompletedTask;

    private RankChild(int slot, Process process, Action<RankChild, RankMessage> onMessage)
    {
        Slot = slot;
        _process = process;
        _onMessage = onMessage;
        Pid = process.Id;
        Exited = process.WaitForExitAsync();
        OutputRead = ReadAsync();
    }

    public int Slot { get; }

    public int Pid { get; }

    public Task Exited { get; }

    public Task OutputRead { get; }

    /// <summary>Whether it has said that it is in no group; written by who reads its messages.</summary>
    public bool StandsBy { get; set; }

    public int ExitCode => _process.ExitCode;

    public bool HasFailed => Exited.IsCompleted && ExitCode != 0;

    public bool WasKilled => ChildProgram.IsSignal(ExitCode);

    public string Ending => _process.HasExited ? ChildProgram.Ending(ExitCode) : "does not answer";

    /// <summary>Starts a rank.</summary>
    /// <param name="slot">Its place in the fleet.</param>
    /// <param name="words">The launcher's own command line.</param>
    /// <param name="onMessage">Called for whatever it says, one at a time.</param>
    public static RankChild Start(int slot, IReadOnlyList<string> words, Action<RankChild, RankMessage> onMessage)
    {
        Process process = ChildProgram.Start(words, "--rank-process") ?? throw new RankStartException($"rank {slot} could not be started");
        return new RankChild(slot, process, onMessage);
    }

    /// <summary>Says something to it, after whatever was said before; never waits, however long the rank does not read.</summary>
    public void Tell(LauncherMessage message)
    {
        string line = RankProtocol.Line(message);
        lock (_gate)
        {
            _telling = _telling.ContinueWith(_ => Write(line), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    /// <summary>Says something that is soon outdated: not at all where it has not taken in what was said before.</summary>
    public void Mention(LauncherMessage message)
    {
        lock (_gate)
        {
            if (_telling.IsCompleted)
            {
                Tell(message);
            }
        }
    }

    /// <summary>Ends the process, if it still runs; a rank starts no process of its own.</summary>
    public void Kill()
    {
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It left by itself meanwhile.
        }
    }

    public void Dispose()
    {
        Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Write(string line)
    {
        try
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }
        catch (Exception gone) when (gone is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // It is gone: its exit says more than the broken pipe.
        }
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            if (RankProtocol.ParseMessage(line) is { } message)
            {
                _onMessage(this, message);
            }
            else
            {
                await Console.Error.WriteLineAsync($"rank {Slot}: {line}").ConfigureAwait(false);
            }
        }
    }
}

/// <summary>A rank process did not come up.</summary>
internal sealed class RankStartException(string message) : Exception(message);
