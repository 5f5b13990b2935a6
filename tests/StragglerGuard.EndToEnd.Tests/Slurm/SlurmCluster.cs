using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StragglerGuard.Actuators.Slurm;
using StragglerGuard.EndToEnd.Tests.Running;

namespace StragglerGuard.EndToEnd.Tests.Slurm;

/// <summary>
/// A cluster of its own on this host: one slurmctld, five slurmd (n1 to n3 in partition gpu-h100, n4 and n5 in gpu-a100), on free ports, in
/// a folder that goes with it.
/// </summary>
public sealed class SlurmCluster : IAsyncLifetime, IDisposable
{
    private const int Nodes = 5;

    private static readonly string[] s_programs = ["slurmctld", "slurmd", "scontrol", "squeue", "sbatch", "scancel"];
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly ScratchFolder _folder = new();
    private readonly string _mark = Guid.NewGuid().ToString("N");
    private readonly List<Process> _nodeDaemons = [];
    private Process? _controller;

    /// <summary>Why there can be no cluster here; null where there can, or must be.</summary>
    public static string? SkipReason
    {
        get
        {
            if (string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase))
            {
                return null;
            }

            var missing = Array.Find(s_programs, program => !IsOnPath(program));
            return missing is not null ? $"{missing} is not on the PATH (package slurm-wlm, installed by tests/setup.sh)"
                : Environment.IsPrivilegedProcess ? null
                : "slurmd runs as root only";
        }
    }

    /// <summary>The actuator's options for this cluster.</summary>
    public SlurmActuatorOptions Options => new()
    {
        Pools = new Dictionary<string, string> { ["h100"] = "gpu-h100", ["a100"] = "gpu-a100" },
        ConfigurationFile = ConfigurationFile,
        CommandTimeout = TimeSpan.FromSeconds(20),
    };

    private string ConfigurationFile => Path.Combine(_folder.Path, "slurm.conf");

    public async Task InitializeAsync()
    {
        if (SkipReason is not null)
        {
            return;
        }

        _folder.Write("slurm.conf", Configuration());
        Directory.CreateDirectory(Path.Combine(_folder.Path, "state"));
        StartController(isFirst: true);
        for (var i = 1; i <= Nodes; i++)
        {
            _nodeDaemons.Add(Start("slurmd", ["-D", "-f", ConfigurationFile, "-N", $"n{i}"]));
        }

        await UntilAsync(
            "five idle nodes",
            async () => (await RunAsync("sinfo", ["-h", "-N", "-p", "everything", "-o", "%N %T"])).Split('\n').Count(line => line.EndsWith(" idle", StringComparison.Ordinal)) == Nodes);
    }

    /// <summary>Ends the controller and waits until it is gone.</summary>
    public Task StopControllerAsync() => EndAsync(_controller!);

    /// <summary>Starts the controller on the state that it left.</summary>
    public void StartController() => StartController(isFirst: false);

    /// <summary>Runs one of Slurm's commands, which must succeed.</summary>
    /// <returns>What it printed.</returns>
    public async Task<string> RunAsync(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["SLURM_CONF"] = ConfigurationFile;
        start.WorkingDirectory = _folder.Path;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(s_patience);
        process.ExitCode.Should().Be(0, "{0} {1}: {2}", program, string.Join(' ', arguments), await error);
        return output.Trim();
    }

    /// <summary>Every node's state, partitions and reason, as Slurm tells people, without the mark of a node whose daemon has not answered yet.</summary>
    public async Task<string[]> StateAsync()
    {
        var output = await RunAsync("sinfo", ["-h", "-N", "-a", "-o", "%N %T %R %E"]);
        return [.. output.Split('\n').Select(line => line.Trim().Replace("* ", " ", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    }

    /// <summary>Writes a file into the cluster's folder.</summary>
    /// <returns>Its path.</returns>
    public string Write(string name, string text) => Path.Combine(_folder.Path, _folder.Write(name, text));

    /// <summary>Looks again and again, as fast as Slurm's commands run, until something is so.</summary>
    public static async Task UntilAsync(string what, Func<Task<bool>> isSo)
    {
        var watch = Stopwatch.StartNew();
        while (!await isSo())
        {
            watch.Elapsed.Should().BeLessThan(s_patience, "waited for: {0}", what);
        }
    }

    /// <summary>Cancels all jobs and waits until their processes are gone: a daemon that ends leaves them behind.</summary>
    public async Task CancelJobsAsync()
    {
        await RunAsync("scancel", ["--user", Environment.UserName]);
        await UntilAsync("no job", async () => (await RunAsync("squeue", ["-h", "-a"])).Length == 0);
    }

    public async Task DisposeAsync()
    {
        if (_controller is not null)
        {
            if (!_controller.HasExited)
            {
                await CancelJobsAsync();
            }

            foreach (var daemon in _nodeDaemons)
            {
                await EndAsync(daemon);
            }

            await EndAsync(_controller);
            foreach (var process in MarkedProcesses.Find(_mark))
            {
                MarkedProcesses.Signal(process, MarkedProcesses.Kill);
            }
        }
    }

    public void Dispose()
    {
        _folder.Dispose();
        _controller?.Dispose();
        _nodeDaemons.ForEach(daemon => daemon.Dispose());
        GC.SuppressFinalize(this);
    }

    private static bool IsOnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Any(folder => File.Exists(Path.Combine(folder, program)));

    private static async Task EndAsync(Process process)
    {
        if (!process.HasExited)
        {
            MarkedProcesses.Signal(process.Id, MarkedProcesses.Terminate);
            await process.WaitForExitAsync().WaitAsync(s_patience);
        }
    }

    private void StartController(bool isFirst)
    {
        _controller?.Dispose();
        _controller = Start("slurmctld", ["-D", "-f", ConfigurationFile, isFirst ? "-c" : "-R"]);
    }

    private Process Start(string program, string[] arguments)
    {
        // Its own log goes to a file; what it repeats on its standard error would fill a pipe that nobody reads.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$@\" >/dev/null 2>&1", program, .. arguments]);
        start.Environment[MarkedProcesses.Variable] = _mark;
        return Process.Start(start)!;
    }

    private string Configuration()
    {
        var host = Dns.GetHostName();
        var ports = FreePorts(Nodes + 1);
        var nodes = Enumerable.Range(1, Nodes).Select(i => string.Create(
            CultureInfo.InvariantCulture, $"NodeName=n{i} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[i]} CPUs=1 RealMemory=100"));
        return $"""
            ClusterName=test
            SlurmctldHost={host}(127.0.0.1)
            SlurmctldPort={ports[0]}
            SlurmUser=root
            SlurmdUser=root
            AuthType=auth/none
            CredType=cred/none
            StateSaveLocation={_folder.Path}/state
            SlurmdSpoolDir={_folder.Path}/spool-%n
            SlurmctldPidFile={_folder.Path}/slurmctld.pid
            SlurmdPidFile={_folder.Path}/slurmd-%n.pid
            SlurmctldLogFile={_folder.Path}/slurmctld.log
            SlurmdLogFile={_folder.Path}/slurmd-%n.log
            ProctrackType=proctrack/linuxproc
            TaskPlugin=task/none
            SwitchType=switch/none
            MpiDefault=none
            SelectType=select/cons_tres
            SlurmdParameters=config_overrides
            ReturnToService=1
            KillWait=1
            JobAcctGatherType=jobacct_gather/none
            AccountingStorageType=accounting_storage/none
            SchedulerParameters=sched_interval=1,bf_interval=1
            {string.Join('\n', nodes)}
            PartitionName=gpu-h100 Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP
            PartitionName=gpu-a100 Nodes=n[4-5] MaxTime=INFINITE State=UP
            PartitionName=everything Nodes=n[1-5] MaxTime=INFINITE State=UP

            """;
    }

    /// <summary>Ports that were free together a moment ago.</summary>
    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(listener => listener.Start());
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        listeners.ForEach(listener => listener.Stop());
        return ports;
    }
}
