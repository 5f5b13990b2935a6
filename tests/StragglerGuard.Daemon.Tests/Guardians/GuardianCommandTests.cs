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

#if !FULLSTACK
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
