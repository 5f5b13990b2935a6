using System.Diagnostics;
using StragglerGuard.Daemon.CommandLine;

namespace StragglerGuard.Daemon.Tests.CommandLine;

public sealed class ProgramCommandsTests
{
    [Theory]
    [InlineData("--help")]
    [InlineData("replay --help")]
    [InlineData("analyze --help")]
    public void Help_Always_ShowsTheProgramsNameAndItsExitCodes(string words)
    {
        ProgramRun run = ProgramRun.Of(words.Split(' '));
        run.ExitCode.Should().Be(ExitCodes.Judged);
        run.Error.Should().BeEmpty();
        run.Output.Should().Contain("stragglerguard ").And.NotContain("StragglerGuard.Daemon")
            .And.ContainAll("Exit codes:", "  0  ", "  1  ", "  2  ", "Bad records:");
    }

    [Theory]
    [InlineData("", "Required command")]
    [InlineData("juggle", "'juggle'")]
    [InlineData("replay", "Required argument missing")]
    [InlineData("replay a b", "'b'")]
    [InlineData("replay a --format xml", "'xml'")]
    [InlineData("replay a --what-if --micro-batches many", "--micro-batches takes a whole number of 1 … 1000000, not 'many'")]
    [InlineData("replay a --what-if --micro-batches 0", "not '0'")]
    [InlineData("replay a --sideways", "'--sideways'")]
    [InlineData("analyze", "Required argument missing")]
    [InlineData("analyze a --html", "--html")]
    [InlineData("analyze a --format csv", "'csv'")]
    public void Arguments_ThatDontParse_EndWithTwoAndAMessage(string words, string message)
    {
        ProgramRun run = ProgramRun.Of(words.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Output.Should().BeEmpty();
        run.Error.Should().Contain(message).And.NotContain("   at ");
        run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1].Should().StartWith("stragglerguard --help");
    }

    [Theory]
    [InlineData("replay", "")]
    [InlineData("analyze", "")]
    [InlineData("replay", "a,b\n1,2\n")]
    [InlineData("analyze", "a,b\n1,2\n")]
    [InlineData("replay", "step,rank,compute_s,collective_s\nx,x,x,x\n")]
    [InlineData("analyze", "dp_rank,stage,step,optype,start_ts,duration\n0,0,0,nonsense,1,1\n")]
    [InlineData("replay", "\u001b[2J\u0007\n")]
    public void Nonsense_OfAnyKind_EndsWithTwoAndOneMessage(string command, string text)
    {
        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of(command, folder.Write("input.csv", text), "--json");
        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Output.Should().BeEmpty();
        run.Error.Should().Contain("input.csv").And.NotContain("\u001b").And.NotContain("   at ");
        run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().HaveCount(1);
    }

    [Theory]
    [InlineData("replay")]
    [InlineData("analyze")]
    public void AFile_ThatIsNotThere_EndsWithTwoAndItsName(string command)
    {
        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of(command, folder.PathOf("none.csv"));
        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Error.Should().Contain("none.csv");
    }

    [Fact]
    public void Host_AfterTheBuild_IsCalledStragglerguard()
    {
        string suffix = OperatingSystem.IsWindows() ? ".exe" : "";
        string output = Path.Combine(SourceRoot(), "src", "StragglerGuard.Daemon", "bin", Configuration(), "net10.0");
        using var program = Process.Start(new ProcessStartInfo(Path.Combine(output, "stragglerguard" + suffix), "replay nowhere.csv")
        {
            RedirectStandardError = true,
            Environment = { ["DOTNET_ROOT"] = Environment.GetEnvironmentVariable("DOTNET_ROOT") ?? Path.GetDirectoryName(Environment.ProcessPath) },
        })!;
        string error = program.StandardError.ReadToEnd();
        program.WaitForExit();
        program.ExitCode.Should().Be(ExitCodes.BadInput, error);
        error.Should().Contain("nowhere.csv");
    }

    private static string Configuration() => new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    private static string SourceRoot()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "StragglerGuard.sln")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }
}
