using System.Text.Json;
using StragglerGuard.Daemon.CommandLine;

namespace StragglerGuard.Daemon.Tests.Probing;

public sealed class ProbeCommandTests
{
    [Fact]
    public void Probe_WithJson_EndsWithWhatWasMeasuredAndOnWhat()
    {
        ProgramRun run = ProgramRun.Of("probe", "--seconds", "0.05", "--json");
        run.ExitCode.Should().Be(ExitCodes.Judged, run.Error);
        run.Error.Should().BeEmpty();
        JsonElement json = run.Json();
        Keys(json).Should().Equal("device", "gemm", "memory", "links");
        Keys(json.GetProperty("device")).Should().Equal("kind", "class", "name");
        json.GetProperty("device").GetProperty("kind").GetString().Should().Be("cpu");
        Keys(json.GetProperty("gemm")).Should().Equal("order", "gflopPerSecond");
        Keys(json.GetProperty("memory")).Should().Equal("bytes", "gbPerSecond");
        RequireFigure(json.GetProperty("gemm").GetProperty("gflopPerSecond"));
        RequireFigure(json.GetProperty("memory").GetProperty("gbPerSecond"));
        json.GetProperty("links").ValueKind.Should().Be(JsonValueKind.Null);
    }

    [Fact]
    public void Probe_OfAGroup_MeasuresEveryLinkOnce()
    {
        ProgramRun run = ProgramRun.Of("probe", "--seconds", "0.1", "--ranks", "3", "--json");
        run.ExitCode.Should().Be(ExitCodes.Judged, run.Error);
        JsonElement group = run.Json().GetProperty("links");
        Keys(group).Should().Equal("transport", "ranks", "payloadBytes", "links", "faults", "summary");
        group.GetProperty("transport").GetString().Should().Be("tcp loopback");
        group.GetProperty("ranks").GetInt32().Should().Be(3);
        JsonElement[] links = [.. group.GetProperty("links").EnumerateArray()];
        links.Select(link => (link.GetProperty("from").GetInt32(), link.GetProperty("to").GetInt32())).Should().Equal((0, 1), (1, 2), (2, 0));
        foreach (JsonElement link in links)
        {
            Keys(link).Should().Equal("from", "to", "latencyUs", "forwardGbPerSecond", "backwardGbPerSecond", "verdict", "reason");
            RequireFigure(link.GetProperty("latencyUs"));
            RequireFigure(link.GetProperty("forwardGbPerSecond"));
            RequireFigure(link.GetProperty("backwardGbPerSecond"));
            link.GetProperty("verdict").GetString().Should().BeOneOf("fit", "slow", "unknown");
            link.GetProperty("reason").GetString().Should().StartWith("rank ");
        }

        group.GetProperty("faults").ValueKind.Should().Be(JsonValueKind.Array);
    }

    [Fact]
    public void Probe_WithoutJson_IsATable()
    {
        ProgramRun run = ProgramRun.Of("probe", "--seconds", "0.05", "--ranks", "2");
        run.ExitCode.Should().Be(ExitCodes.Judged, run.Error);
        run.Output.Should().ContainAll(
            "Device: cpu, ", "class CPU", "matrix products", "GFLOP/s", "256 × 256", "64 MiB copied", "Links: TCP on loopback, 2 ranks", "rank 0 – rank 1",
            "1 link: 0 fit, 0 slow, 1 unknown", "no link of its kind to compare with").And.NotContain("{\"");
    }

    [Theory]
    [InlineData("probe --seconds soon", "--seconds takes a number of 0.05 … 60, not 'soon'")]
    [InlineData("probe --seconds NaN", "not 'NaN'")]
    [InlineData("probe --seconds 0", "not '0'")]
    [InlineData("probe --seconds 61", "not '61'")]
    [InlineData("probe --ranks 1", "--ranks takes a whole number of 2 … 32, not '1'")]
    [InlineData("probe --ranks 33", "not '33'")]
    [InlineData("probe --ranks 1.5", "not '1.5'")]
    [InlineData("probe --ranks", "--ranks")]
    [InlineData("probe gpu", "'gpu'")]
    public void Probe_WithArgumentsThatDontParse_EndsWithTwoAndAMessage(string words, string message)
    {
        ProgramRun run = ProgramRun.Of(words.Split(' '));
        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Output.Should().BeEmpty();
        run.Error.Should().Contain(message).And.NotContain("   at ");
    }

    [Fact]
    public void Help_OfProbe_HasItsOwnExitCodes()
    {
        ProgramRun run = ProgramRun.Of("probe", "--help");
        run.ExitCode.Should().Be(ExitCodes.Judged);
        run.Output.Should().ContainAll("--seconds", "--ranks", "--json", "Exit codes:", "  0  everything was measured", "  1  it could not be measured", "  2  ")
            .And.NotContain("Bad records");
    }

    private static IEnumerable<string> Keys(JsonElement json) => json.EnumerateObject().Select(property => property.Name);

    private static void RequireFigure(JsonElement figure)
    {
        Keys(figure).Should().Equal("median", "relativeSpread", "repeats");
        figure.GetProperty("median").GetDouble().Should().BeGreaterThan(0);
        figure.GetProperty("relativeSpread").GetDouble().Should().BeGreaterThanOrEqualTo(0);
        figure.GetProperty("repeats").GetInt32().Should().BeGreaterThanOrEqualTo(3);
    }
}
