using System.Globalization;
using System.Reflection;
using StragglerGuard.EndToEnd.Tests.Running;

namespace StragglerGuard.EndToEnd.Tests.Failover;

/// <summary>One of the guardians, as <c>stragglerguard guardian</c> runs it: started, killed and started anew as by a service manager.</summary>
/// <param name="number">0, 1, 2 …</param>
/// <param name="options">Its options file.</param>
/// <param name="mark">Of its processes.</param>
internal sealed class ClusterGuardian(int number, string options, string mark) : IAsyncDisposable
{
    // The shell is there to end the guardian with the tests' process, however that ends: its own input ends then.
    private const string Script = """
        "$@" </dev/null & guardian=$!
        echo "pid $guardian"
        exec 3<&0
        { cat <&3 >/dev/null; kill -9 $guardian; } 2>/dev/null & watch=$!
        wait $guardian; code=$?
        kill $watch 2>/dev/null
        exit $code
        """;

    private readonly List<SaidLine> _earlier = [];
    private LineProcess? _process;

    /// <summary>0, 1, 2 …</summary>
    public int Number => number;

    /// <summary>The number of its process, the last one.</summary>
    public int Pid { get; private set; }

    /// <summary>Its process, the last one.</summary>
    public LineProcess Process => _process ?? throw new InvalidOperationException($"guardian {number} was not started");

    /// <summary>What all of its processes have said.</summary>
    public IEnumerable<SaidLine> Lines => _earlier.Concat(_process?.Lines ?? []);

    /// <summary>Starts it, or starts it anew once its process has ended.</summary>
    public async Task StartAsync()
    {
        if (_process is not null)
        {
            await EndedAsync();
            _earlier.AddRange(_process.Lines);
            await _process.DisposeAsync();
        }

        int group = LoopbackPartition.GroupOf(number);
        _process = LineProcess.Start(
            $"guardian {number}", mark,
            "sh", "-c", Script, "sh", "setpriv", $"--regid={group}", "--clear-groups",
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", ProgramPath, "guardian", "--options", options);
        SaidLine said = await _process.LineAsync("its pid", line => line.StartsWith("pid ", StringComparison.Ordinal));
        Pid = int.Parse(said.Text.AsSpan("pid ".Length), CultureInfo.InvariantCulture);
    }

    /// <summary>Sends it a signal.</summary>
    /// <returns>When.</returns>
    public TimeSpan Signal(int signal)
    {
        TimeSpan now = TestClock.Now;
        MarkedProcesses.Signal(Pid, signal).Should().BeTrue("guardian {0} (pid {1}) lives", number, Pid);
        return now;
    }

    /// <summary>Waits until its process has ended.</summary>
    /// <returns>Its exit code; 128 and the signal where one has ended it.</returns>
    public Task<int> EndedAsync() => Process.Exited.WaitAsync(LineProcess.Patience);

    /// <summary>Waits until it has said, of itself, that it decides no longer.</summary>
    public Task<SaidLine> SaysThatItStoppedAsync() => Process.LineAsync("that it decides no longer", line => line == "decides no more");

    /// <summary>Waits until it has said that it is one of the guardians' cluster.</summary>
    /// <param name="from">What was said before is passed over.</param>
    public Task<SaidLine> SaysThatItJoinedAsync(TimeSpan from) => Process.LineAsync(
        "that it joined", line => line.StartsWith("joined the guardians: ", StringComparison.Ordinal), Process.Lines.Count(line => line.At <= from));

    public ValueTask DisposeAsync() => _process?.DisposeAsync() ?? default;

    private static string ProgramPath => Path.Combine(
        SampleRun.RepositoryRoot, "src", "StragglerGuard.Daemon", "bin",
        typeof(ClusterGuardian).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration, "net10.0", "StragglerGuard.Daemon.dll");
}
