using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.Cluster;

/// <summary><c>stragglerguard guardian</c> as an operator starts it.</summary>
public sealed class GuardianCommandTests(ITestOutputHelper log) : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxFact]
    public async Task Guardian_UntilTerminated_SaysWhatItDoesAndServesItsPage()
    {
        int[] ports = FreePorts(2);
        string options = _folder.Write("guard.json", Options(ports[0], ports[0], ports[1]));
        await using SampleRun run = SampleRun.StartDaemon(log, _folder, "guardian", "--options", options);
        (await run.NextLineAsync("guardian at ")).Should().Be($"guardian at 127.0.0.1:{ports[0]} looks for the others: 127.0.0.1:{ports[0]}");
        (await run.NextLineAsync("metrics at ")).Should().Be($"metrics at http://127.0.0.1:{ports[1]}/metrics");
        await run.NextLineAsync("joined the guardians");
        await run.NextLineAsync("decides from now on");

        using HttpClient http = new();
        string page = await http.GetStringAsync(new Uri($"http://127.0.0.1:{ports[1]}/metrics"));
        page.Should().Contain("stragglerguard_guardian_deciding 1");

        MarkedProcesses.Signal(run.Pid, MarkedProcesses.Terminate).Should().BeTrue();
        RunOutcome outcome = await run.EndAsync();
        outcome.ExitCode.Should().Be(0);
        outcome.Errors.Should().BeEmpty();
        outcome.Output.TakeLast(2).Should().Equal("decides no more", "left");
    }

    [Fact]
    public async Task Guardian_WhosePortIsTaken_IsRefused()
    {
        using TcpListener holder = new(IPAddress.Loopback, 0);
        holder.Start();
        int port = ((IPEndPoint)holder.LocalEndpoint).Port;
        await using SampleRun run = SampleRun.StartDaemon(log, _folder, "guardian", "--options", _folder.Write("guard.json", Options(port, port, null)));

        RunOutcome outcome = await run.EndAsync();

        outcome.ExitCode.Should().Be(2);
        outcome.Output.Should().BeEmpty();
        outcome.Errors.Should().ContainSingle().Which.Should().Contain($"127.0.0.1:{port}");
    }

    [Fact]
    public async Task Guardian_OfOptionsThatContradictEachOther_IsToldAllOfThem()
    {
        await using SampleRun run = SampleRun.StartDaemon(
            log, _folder, "guardian", "--options",
            _folder.Write("guard.json", """{ "cluster": { "host": "10.1.2.3", "guardians": "127.0.0.1:7101, 127.0.0.1:7102" } }"""));

        RunOutcome outcome = await run.EndAsync();

        outcome.ExitCode.Should().Be(2);
        outcome.Output.Should().BeEmpty();
        outcome.Errors.Should().HaveCount(3);
        foreach (string key in new[] { "cluster.port", "cluster.host", "ledger.location" })
        {
            outcome.Errors.Should().ContainSingle(line => line.StartsWith($"guard.json: {key}: "));
        }
    }

    private static string Options(int port, int guardian, int? metrics) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        {
          "ledger": { "location": "decisions" },
          "metrics": { "port": {{metrics?.ToString(CultureInfo.InvariantCulture) ?? "null"}} },
          "cluster": { "port": {{port}}, "guardians": "127.0.0.1:{{guardian}}" }
        }
        """);

    private static int[] FreePorts(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        Array.ForEach(listeners, listener => listener.Start());
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        Array.ForEach(listeners, listener => listener.Dispose());
        return ports;
    }
}
