using System.Text.Json;
using StragglerGuard.Core;
using StragglerGuard.Core.Probing;
using StragglerGuard.Daemon.Probing;

namespace StragglerGuard.Daemon.Tests.Probing;

/// <summary>What is printed of figures that are given, not measured.</summary>
public sealed class ProbeOutputTests
{
    [Fact]
    public void Json_OfFaults_NamesRanksPartAndFactor()
    {
        using JsonDocument json = JsonDocument.Parse(ProbeJson.Line(Machine(link => link switch { 0 or 1 => 4, 4 => 2, _ => 1 })));
        JsonElement group = json.RootElement.GetProperty("links");
        JsonElement[] faults = [.. group.GetProperty("faults").EnumerateArray()];
        faults.Should().HaveCount(2);
        faults[0].EnumerateObject().Select(property => property.Name).Should().Equal("of", "ranks", "part", "factor", "reason");
        faults[0].GetProperty("of").GetString().Should().Be("interface");
        faults[0].GetProperty("ranks").EnumerateArray().Select(rank => rank.GetInt32()).Should().Equal(1);
        faults[0].GetProperty("part").GetString().Should().Be("linkBandwidth");
        faults[0].GetProperty("factor").GetDouble().Should().BeApproximately(4, 1e-9);
        faults[1].GetProperty("of").GetString().Should().Be("link");
        faults[1].GetProperty("ranks").EnumerateArray().Select(rank => rank.GetInt32()).Should().Equal(4, 5);
        group.GetProperty("links").EnumerateArray().Select(link => link.GetProperty("verdict").GetString())
            .Should().Equal("slow", "slow", "fit", "fit", "slow", "fit", "fit", "fit");
        group.GetProperty("summary").GetString().Should().Be("8 links: 5 fit, 3 slow, 0 unknown");
    }

    [Fact]
    public void Table_OfFaults_SaysWhoAndWhy()
    {
        string text = string.Join('\n', ProbeText.Lines(Machine(link => link is 0 or 1 ? 4 : 1)));
        text.Should().ContainAll(
            "Device: cpu, a processor, class CPU", "100.00 GFLOP/s", "20.00 GB/s", "rank 0 – rank 1", "slow ×4.00", "8 links: 6 fit, 2 slow, 0 unknown",
            "all 2 links of rank 1 are slow, so its interface is");
    }

    [Fact]
    public void Table_OfADeviceAlone_HasNoLinks() =>
        string.Join('\n', ProbeText.Lines(Machine(_ => 1) with { Ranks = 0, Links = [] })).Should().NotContain("Links");

    private static ProbedMachine Machine(Func<int, double> factor)
    {
        var cpu = new DeviceClass("CPU");
        static ProbeFigure Figure(double median) => new(median, 0.01, 20);
        LinkReading[] links = [.. Enumerable.Range(0, 8).Select(link => new LinkReading(
            new Rank(link), new Rank((link + 1) % 8), LinkReach.Unspecified, Figure(10), Figure(2 / factor(link)), Figure(2)))];
        return new ProbedMachine(
            "cpu", "a processor", new DeviceProbeReading(new GemmReading(cpu, 256, Figure(100)), new MemoryReading(cpu, 1 << 26, Figure(20))),
            8, 1 << 20, [.. links], new ProbeJudge().Links(links));
    }
}
