using System.Text.Json;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Daemon.History;
using StragglerGuard.Ledger;

namespace StragglerGuard.Daemon.Tests.History;

public sealed class HistoryCommandTests
{
    private static readonly DateTimeOffset At = new(2026, 5, 4, 3, 2, 1, 500, TimeSpan.Zero);

    [Fact]
    public void History_OfALedgerInUse_IsATable()
    {
        using var folder = new TemporaryFolder();
        using SqliteLedger ledger = Begun(folder);

        ProgramRun run = ProgramRun.Of("history", "--ledger", folder.PathOf("a.ledger"));

        run.ExitCode.Should().Be(ExitCodes.Judged, run.Error);
        run.Error.Should().BeEmpty();
        string[] lines = run.Output.Split('\n');
        lines[0].TrimEnd('\r').Should().Be("time (UTC)              number  job           step  kind");
        lines[1].TrimEnd('\r').Should().Be("2026-05-04 03:02:01.500       1  gpt             40  hangFound");
        lines[2].TrimEnd('\r').Should().Be("  no record for 30 s");
        run.Output.Should().Contain("modeChanged").And.NotContain("\u001b", "a reason may hold anything");
        lines.Should().OnlyContain(line => line.Length <= 104, "long reasons are wrapped");
    }

    [Fact]
    public void History_AsJson_IsOneObjectALine()
    {
        using var folder = new TemporaryFolder();
        using SqliteLedger ledger = Begun(folder);

        ProgramRun run = ProgramRun.Of("history", "--json", "--ledger", "sqlite:" + folder.PathOf("a.ledger"));

        JsonElement[] lines = [.. run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        lines.Should().HaveCount(4);
        lines[0].EnumerateObject().Select(property => property.Name)
            .Should().Equal("sequence", "at", "job", "generation", "step", "kind", "version", "reason", "decision");
        lines.Select(line => line.GetProperty("sequence").GetInt64()).Should().Equal(1, 2, 3, 4);
        lines[0].GetProperty("at").GetDateTimeOffset().Should().Be(At);
        lines[0].GetProperty("decision").GetProperty("rank").GetInt32().Should().Be(3);
        lines[3].GetProperty("kind").GetString().Should().Be("seanceHeld");
        lines[3].GetProperty("decision").GetProperty("medium").GetString().Should().Be("a table");
    }

    [Fact]
    public void History_OfOneJob_LeavesTheOthersOut()
    {
        using var folder = new TemporaryFolder();
        using SqliteLedger ledger = Begun(folder);
        string path = folder.PathOf("a.ledger");

        ProgramRun.Of("history", "--ledger", path, "--job", "other", "--json").Output.Should().Contain("modeChanged").And.NotContain("gpt");
        ProgramRun.Of("history", "--ledger", path, "--job", "nobody").Output.TrimEnd().Should().Be("no decisions about nobody");
        ProgramRun.Of("history", "--ledger", path, "--job", "nobody", "--json").Output.Should().BeEmpty();
    }

    [Fact]
    public void History_Followed_PrintsWhatIsDecidedMeanwhileOnce()
    {
        using var folder = new TemporaryFolder();
        using SqliteLedger ledger = Begun(folder);
        var output = new StringWriter();
        var error = new StringWriter();
        int rounds = 0;

        int exitCode = HistoryCommand.Follow(
            folder.PathOf("a.ledger"), new HistoryPrinter(output, job: null, json: true), error,
            () =>
            {
                rounds++;
                return rounds switch
                {
                    1 => ledger.Append(5, At, new NumberSkipped(new JobId("gpt"), new Generation(0), 41, "five")).Appended,
                    2 => true,
                    3 => ledger.Append(6, At, new NumberSkipped(new JobId("gpt"), new Generation(0), 41, "six")).Appended,
                    _ => false,
                };
            });

        exitCode.Should().Be(ExitCodes.Judged, error.ToString());
        output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("sequence").GetInt64()).Should().Equal(1, 2, 3, 4, 5, 6);
    }

    [Fact]
    public void History_OfADamagedLedger_ShowsWhatIsWholeAndEndsWithTwo()
    {
        using var folder = new TemporaryFolder();
        using (SqliteLedger ledger = Begun(folder))
        {
            ledger.Append(5, At, new NumberSkipped(new JobId("gpt"), new Generation(0), 41, "a reason that is found again")).Appended.Should().BeTrue();
        }

        string path = folder.PathOf("a.ledger");
        byte[] bytes = File.ReadAllBytes(path);
        int at = bytes.AsSpan().IndexOf("found again"u8);
        bytes[at] ^= 1;
        File.WriteAllBytes(path, bytes);

        ProgramRun run = ProgramRun.Of("history", "--ledger", path, "--json");

        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().HaveCount(4);
        run.Error.Should().ContainAll(path, "damaged at entry 5", "Put back a copy").And.NotContain("   at ");
        run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().ContainSingle();
    }

    [Theory]
    [InlineData("none.ledger", "there is no such ledger")]
    [InlineData("", "--ledger: The ledger's location is empty")]
    [InlineData("mysql://x/y", "'mysql://', which is not known")]
    [InlineData("postgres://guard:hunter2@127.0.0.1:1/x", "the server can't be reached")]
    public void Ledger_ThatCantBeRead_EndsWithTwoAndOneMessage(string ledger, string message)
    {
        ProgramRun run = ProgramRun.Of("history", "--ledger", ledger);

        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Output.Should().BeEmpty();
        run.Error.Should().Contain(message).And.NotContain("hunter2").And.NotContain("   at ");
        run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().ContainSingle();
    }

    [Fact]
    public void History_OfAnEmptyLedger_SaysSo()
    {
        using var folder = new TemporaryFolder();
        SqliteLedger.Open(folder.PathOf("a.ledger")).Dispose();

        ProgramRun run = ProgramRun.Of("history", "--ledger", folder.PathOf("a.ledger"));

        run.ExitCode.Should().Be(ExitCodes.Judged);
        run.Output.TrimEnd().Should().Be("no decisions yet");
    }

    [Fact]
    public void Help_OfHistory_NamesTheDefault() =>
        ProgramRun.Of("history", "--help").Output.Should().ContainAll("--ledger <FILE|URI>", LedgerLocation.DefaultPath, "--json", "--job <J>", "--follow", "Exit codes:");

    private static SqliteLedger Begun(TemporaryFolder folder)
    {
        SqliteLedger ledger = SqliteLedger.Open(folder.PathOf("a.ledger"));
        LedgerDecision[] decisions =
        [
            new HangFound(new JobId("gpt"), new Generation(0), 40, new Rank(3), "no record for 30 s"),
            new NumberSkipped(new JobId("gpt"), new Generation(0), 41, string.Join(' ', Enumerable.Repeat("word", 60)) + "\u001b[2J"),
            new ModeChanged(new JobId("other"), new Generation(0), 41, PolicyMode.Act, "the operator"),
            new UnreadDecision(new JobId("gpt"), new Generation(0), 42, "seanceHeld", 3, "{ \"medium\":\n  \"a table\" }", ""),
        ];
        for (int i = 0; i < decisions.Length; i++)
        {
            ledger.Append(i + 1, At, decisions[i]).Appended.Should().BeTrue();
        }

        return ledger;
    }
}
