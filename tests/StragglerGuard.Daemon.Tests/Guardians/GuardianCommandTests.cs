#if FULLSTACK
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
#endif
using StragglerGuard.Daemon.CommandLine;

namespace StragglerGuard.Daemon.Tests.Guardians;

public sealed class GuardianCommandTests
{
    [Fact]
    public void Guardian_OfOptionsWithSeveralFaults_IsToldAllOfThem()
    {
        using TemporaryFolder folder = new();
        string options = folder.Write("guard.json", """{ "mode": "maybe", "cluster": { "guardians": "nowhere", "prot": 1 } }""");

        ProgramRun run = ProgramRun.Of("guardian", "--options", options);

        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Output.Should().BeEmpty();
        run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().HaveCount(3).And.OnlyContain(line => line.StartsWith(options));
        run.Error.Should().Contain("mode: ").And.Contain("cluster.guardians: ").And.Contain("cluster.prot: ");
    }

    [Fact]
    public void Guardian_WithoutOptions_IsRefused() => ProgramRun.Of("guardian").ExitCode.Should().Be(ExitCodes.BadInput);

    [Fact]
    public void Help_OfGuardian_TellsItsExitCodes() =>
        ProgramRun.Of("guardian", "--help").Output.Should().Contain("SIGTERM").And.Contain("  0  it left in order").And.NotContain("the input was judged");

#if FULLSTACK
    [Fact]
    public void Guardian_WhoseMetricsPortIsTaken_IsRefusedBeforeItTouchesAnythingElse()
    {
        using TemporaryFolder folder = new();
        using TcpListener metrics = new(IPAddress.Loopback, 0);
        using TcpListener cluster = new(IPAddress.Loopback, 0);
        metrics.Start();
        cluster.Start();

        ProgramRun run = ProgramRun.Of("guardian", "--options", folder.Write("guard.json", Options(folder, PortOf(cluster), PortOf(metrics))));

        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Output.Should().BeEmpty();
        run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().ContainSingle().Which.Should()
            .Contain($"{metrics.LocalEndpoint}", "the cluster's port, which is taken too, is not asked for any more");
        File.Exists(folder.PathOf("decisions")).Should().BeFalse();
    }

    [Fact]
    public void Guardian_ThatFailsForAReasonOfItsOwn_SaysWhichInOneLineAndLeaves()
    {
        using TemporaryFolder folder = new();
        int port;
        using (TcpListener free = new(IPAddress.Loopback, 0))
        {
            free.Start();
            port = PortOf(free);
        }

        string options = folder.Write("guard.json", Options(folder, port, metrics: null));
        var error = new StringWriter();

        int exitCode = ProgramCommands.Run(["guardian", "--options", options], new FullOutput(), error);

        exitCode.Should().Be(ExitCodes.Failed);
        error.ToString().TrimEnd('\n', '\r').Should().Be("guardian: No space left on device : 'standard output'");
        using TcpListener next = new(IPAddress.Loopback, port);
        next.Invoking(listener => listener.Start()).Should().NotThrow("its port is free again");
    }

    private static int PortOf(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;

    private static string Options(TemporaryFolder folder, int port, int? metrics) => JsonSerializer.Serialize(new
    {
        ledger = new { location = folder.PathOf("decisions") },
        metrics = new { port = metrics },
        cluster = new { port, guardians = $"127.0.0.1:{port}" },
    });

    /// <summary>As a file on a full disk.</summary>
    private sealed class FullOutput : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => throw new IOException("No space left on device :\n'standard output'");
    }
#else
    [Fact]
    public void Guardian_InABuildWithoutAkka_IsRefusedInOneLine()
    {
        using TemporaryFolder folder = new();

        ProgramRun run = ProgramRun.Of("guardian", "--options", folder.Write("guard.json", """{ "cluster": { "port": 7100, "guardians": "127.0.0.1:7100" } }"""));

        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Error.TrimEnd().Should().Be("guardian: this build was made without Akka.NET: build with -p:FullStack=true");
    }
#endif
}
