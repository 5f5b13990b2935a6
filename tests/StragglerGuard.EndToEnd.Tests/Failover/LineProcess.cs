using System.Diagnostics;
using System.Text;
using StragglerGuard.EndToEnd.Tests.Running;

namespace StragglerGuard.EndToEnd.Tests.Failover;

/// <summary>What a process said.</summary>
/// <param name="At">When, on the clock of the tests' process: <see cref="Stopwatch"/> since its start.</param>
/// <param name="Text">The line.</param>
internal readonly record struct SaidLine(TimeSpan At, string Text);

/// <summary>A process that says line by line what happens to it; killed with this object.</summary>
internal sealed class LineProcess : IAsyncDisposable
{
    /// <summary>A machine that is much slower is no excuse for hanging.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Lock _gate = new();
    private readonly List<SaidLine> _lines = [];
    private readonly News _news = new();
    private readonly string _name;

    private LineProcess(string name, ProcessStartInfo start)
    {
        _name = name;
        _process = Process.Start(start)!;
        Exited = ExitAsync(ReadAsync(_process.StandardOutput, ""), ReadAsync(_process.StandardError, "stderr: "));
        _ = Exited.ContinueWith(_ => _news.Tell(), TaskScheduler.Default);
    }

    /// <summary>Its number.</summary>
    public int Pid => _process.Id;

    /// <summary>When it has ended: its exit code; 128 and the signal where one has ended it.</summary>
    public Task<int> Exited { get; }

    /// <summary>All that it has said, that on standard error marked.</summary>
    public IReadOnlyList<SaidLine> Lines
    {
        get
        {
            lock (_gate)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>Starts one.</summary>
    /// <param name="name">How messages call it.</param>
    /// <param name="mark">See <see cref="MarkedProcesses"/>.</param>
    /// <param name="command">Program and arguments.</param>
    public static LineProcess Start(string name, string mark, params IReadOnlyList<string> command)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.Environment[MarkedProcesses.Variable] = mark;

        // No pipe of a debugger or profiler is needed, and none is left behind by a process that is killed.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        return new LineProcess(name, start);
    }

    /// <summary>Writes a line on its standard input.</summary>
    public void Tell(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>Waits for a line that is said from a number of lines on.</summary>
    /// <param name="what">What it is about, for the message where it never comes.</param>
    /// <param name="isIt">Whether it is the one.</param>
    /// <param name="from">How many lines are passed over.</param>
    public async Task<SaidLine> LineAsync(string what, Func<string, bool> isIt, int from = 0)
    {
        string never() => $"{_name} (pid {Pid}) saying {what}; its last lines: {string.Join(" | ", Lines.TakeLast(5).Select(line => line.Text))}";
        SaidLine[] found = await _news.UntilAsync(
            () => Lines.Skip(from).Where(line => isIt(line.Text)).Take(1).ToArray() is { Length: > 0 } found ? found
                : Exited.IsCompleted ? throw new InvalidOperationException($"{_name} ended without {never()}")
                : null,
            Patience, never).ConfigureAwait(false);
        return found[0];
    }

    /// <summary>Sends it a signal.</summary>
    public void Signal(int signal) => MarkedProcesses.Signal(Pid, signal);

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await Exited.WaitAsync(Patience).ConfigureAwait(false);
        _process.Dispose();
    }

    private async Task<int> ExitAsync(params Task[] readings)
    {
        await _process.WaitForExitAsync().ConfigureAwait(false);
        await Task.WhenAll(readings).ConfigureAwait(false);
        Note($"(ended with {_process.ExitCode})");
        return _process.ExitCode;
    }

    private async Task ReadAsync(StreamReader from, string mark)
    {
        while (await from.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            Note(mark + line);
        }
    }

    private void Note(string line)
    {
        lock (_gate)
        {
            _lines.Add(new SaidLine(TestClock.Now, line));
        }

        _news.Tell();
    }
}

/// <summary>The clock of this process, for all that it sees.</summary>
internal static class TestClock
{
    private static readonly long s_began = Stopwatch.GetTimestamp();

    /// <summary>Since the first use.</summary>
    public static TimeSpan Now => Stopwatch.GetElapsedTime(s_began);
}
