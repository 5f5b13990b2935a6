using System.Diagnostics;
using System.Reflection;
using System.Text;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.Running;

/// <summary>One run of the built sample, or of the built daemon, as a user starts it. Whatever it leaves behind is ended with it.</summary>
internal sealed class SampleRun : IAsyncDisposable
{
    /// <summary>The longest run here takes about 15 s, 40 s where the long ones are asked for; a machine that is much slower is no excuse for hanging.</summary>
    private static readonly TimeSpan PatienceLimit = TimeSpan.FromSeconds(150);

    private readonly ITestOutputHelper _log;
    private readonly string _words;
    private readonly string _mark = Guid.NewGuid().ToString("n");
    private readonly Process _process;
    private readonly Task _ended;
    private readonly Lock _gate = new();
    private readonly List<string> _output = [];
    private readonly List<string> _errors = [];
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _told;

    private SampleRun(ITestOutputHelper log, string folder, string program, IReadOnlyList<string> arguments)
    {
        _log = log;
        _words = $"{Path.GetFileNameWithoutExtension(program)} {string.Join(' ', arguments)}";
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            UseShellExecute = false,
            WorkingDirectory = folder,
        };
        start.Environment[MarkedProcesses.Variable] = _mark;
        start.ArgumentList.Add(program);
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        Pid = _process.Id;

        // Rank processes inherit the error stream: it ends when the last of them has.
        _ended = Task.WhenAll(
            ReadAsync(_process.StandardOutput, _output), ReadAsync(_process.StandardError, _errors), _process.WaitForExitAsync());
    }

    /// <summary>The folder that holds the solution.</summary>
    public static string RepositoryRoot { get; } = FindRoot();

    /// <summary>The launcher.</summary>
    public int Pid { get; }

    /// <summary>The processes of the run that live.</summary>
    public IReadOnlyList<int> Processes => MarkedProcesses.Find(_mark);

    private static string SamplePath { get; } = Built("samples", "MixedFleet");

    private static string DaemonPath { get; } = Built("src", "StragglerGuard.Daemon");

    /// <summary>Starts the program.</summary>
    /// <param name="log">Gets all that it writes; shown where a test fails.</param>
    /// <param name="folder">The working folder.</param>
    /// <param name="arguments">As typed.</param>
    public static SampleRun Start(ITestOutputHelper log, ScratchFolder folder, params string[] arguments) =>
        new(log, folder.Path, SamplePath, arguments);

    /// <summary>Starts the daemon.</summary>
    /// <param name="log">Gets all that it writes; shown where a test fails.</param>
    /// <param name="folder">The working folder.</param>
    /// <param name="arguments">As typed.</param>
    public static SampleRun StartDaemon(ITestOutputHelper log, ScratchFolder folder, params string[] arguments) =>
        new(log, folder.Path, DaemonPath, arguments);

    /// <summary>Runs the program to its end.</summary>
    public static async Task<RunOutcome> CompleteAsync(ITestOutputHelper log, ScratchFolder folder, params string[] arguments)
    {
        await using SampleRun run = Start(log, folder, arguments);
        return await run.EndAsync();
    }

    /// <summary>The path of a fleet of config/fleets.</summary>
    public static string Fleet(string name) => Path.Combine(RepositoryRoot, "config", "fleets", name);

    /// <summary>Waits for the next line of standard output that begins so.</summary>
    public async Task<string> NextLineAsync(string beginning)
    {
        using var patience = new CancellationTokenSource(PatienceLimit);
        while (true)
        {
            Task news;
            lock (_gate)
            {
                while (_told < _output.Count)
                {
                    string line = _output[_told++];
                    if (line.StartsWith(beginning, StringComparison.Ordinal))
                    {
                        return line;
                    }
                }

                news = _news.Task;
            }

            try
            {
                await Task.WhenAny(news, _ended).WaitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                throw Never($"a line that begins with '{beginning}'", PatienceLimit);
            }

            if (_ended.IsCompleted && !news.IsCompleted)
            {
                throw Never($"a line that begins with '{beginning}' before the run ended", PatienceLimit);
            }
        }
    }

    /// <summary>Waits until the launcher has exited and every process of the run has closed its output.</summary>
    /// <param name="within">A run that ends later fails the test; where null, only a hang does.</param>
    public async Task<RunOutcome> EndAsync(TimeSpan? within = null)
    {
        TimeSpan limit = within ?? PatienceLimit;
        try
        {
            await _ended.WaitAsync(limit);
        }
        catch (TimeoutException)
        {
            throw Never("the end of all of its processes", limit);
        }

        return new RunOutcome(_process.ExitCode, [.. _output], [.. _errors]);
    }

    public async ValueTask DisposeAsync()
    {
        if (OperatingSystem.IsLinux())
        {
            foreach (int pid in MarkedProcesses.Find(_mark))
            {
                MarkedProcesses.Signal(pid, MarkedProcesses.Kill);
            }
        }
        else if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        await _ended.WaitAsync(PatienceLimit);
        _process.Dispose();
        _log.WriteLine($"$ {_words}");
        _output.ForEach(_log.WriteLine);
        _errors.ForEach(line => _log.WriteLine($"stderr: {line}"));
    }

    private async Task ReadAsync(StreamReader from, List<string> lines)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            TaskCompletionSource news;
            lock (_gate)
            {
                lines.Add(line);
                news = _news;
                _news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            news.SetResult();
        }
    }

    private TimeoutException Never(string what, TimeSpan limit)
    {
        lock (_gate)
        {
            return new TimeoutException(
                $"'{_words}' (limit {limit.TotalSeconds:0} s) never gave {what}. Its last line was: {_output.LastOrDefault("none")}");
        }
    }

    private static string Built(string folder, string project) => Path.Combine(
        RepositoryRoot, folder, project, "bin",
        typeof(SampleRun).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration, "net10.0", $"{project}.dll");

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "StragglerGuard.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"no StragglerGuard.sln in or above {AppContext.BaseDirectory}");
    }
}

/// <summary>What a run came to.</summary>
/// <param name="ExitCode">Of the launcher.</param>
/// <param name="Output">Lines of standard output.</param>
/// <param name="Errors">Lines of standard error, of the launcher and its ranks.</param>
internal sealed record RunOutcome(int ExitCode, IReadOnlyList<string> Output, IReadOnlyList<string> Errors)
{
    /// <summary>The report of a run that was to succeed, from the last line.</summary>
    public RunReport Report()
    {
        Errors.Should().BeEmpty();
        ExitCode.Should().Be(0);
        return RunReport.Parse(Output[^1]);
    }
}
