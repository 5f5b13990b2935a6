using System.Text;
using MixedFleet.Data;
using MixedFleet.Fleet;

namespace MixedFleet.Tests.Fleet;

public sealed class FleetFileTests
{
    [Fact]
    public void Parse_OfAGoodFile_GivesRanksInOrder()
    {
        FleetDefinition fleet = Parse("""
            // comments
            {
              "name": "two generations", /* and more of them */
              "ranks": [
                { "class": "H100", "pace": 24.5, "count": 2 },
                { "class": "CPU", "pace": null, },
              ],
            }
            """).Value!;

        fleet.Name.Should().Be("two generations");
        fleet.Ranks.Should().Equal(new FleetRank("H100", 0.0245), new FleetRank("H100", 0.0245), new FleetRank("CPU", null));
    }

    [Fact]
    public void Parse_WithAByteOrderMarkAndWithoutAName_TakesTheFileName() =>
        FleetFile.Parse(Encoding.UTF8.GetBytes("\uFEFF{\"ranks\":[{\"class\":\"A\",\"pace\":1}]}"), "folder/small.json")
            .Value!.Name.Should().Be("small");

    [Fact]
    public void Parse_OfManyMistakes_ReportsAllAtOnce()
    {
        Checked<FleetDefinition> result = Parse("""
            {
              "nam": "x",
              "name": 3,
              "ranks": [
                { "class": "H100", "pace": 0 },
                { "pace": "24" },
                { "class": "", "pace": -1, "count": 0 },
                { "class": "H100", "paces": 20 },
                17,
                { "class": "H100", "pace": 1e999, "count": 1.5 },
                { "class": ["H100"], "pace": 3600000.5, "count": "2" },
                { "class": "H100", "class": "H200", "pace": true }
              ]
            }
            """);

        result.IsValid.Should().BeFalse();
        result.Errors.Should().Equal(
            "f.json: nam is not known here; known are name, ranks",
            "f.json: name must be a text, not a number",
            "f.json: ranks[0].pace must be above 0 and at most 3600000 milliseconds, not 0",
            "f.json: ranks[1].class is missing",
            "f.json: ranks[1].pace must be a number of milliseconds or null, not a text",
            "f.json: ranks[2].class must be a text of 1 to 64 characters, without control characters",
            "f.json: ranks[2].pace must be above 0 and at most 3600000 milliseconds, not -1",
            "f.json: ranks[2].count must be a whole number from 1 to 64, not 0",
            "f.json: ranks[3].paces is not known here; known are class, pace, count",
            "f.json: ranks[3].pace is missing: give milliseconds per micro-batch, or null for true compute",
            "f.json: ranks[4] must be an object, not a number",
            "f.json: ranks[5].pace must be above 0 and at most 3600000 milliseconds, not 1e999",
            "f.json: ranks[5].count must be a whole number from 1 to 64, not 1.5",
            "f.json: ranks[6].class must be a text, not an array",
            "f.json: ranks[6].pace must be above 0 and at most 3600000 milliseconds, not 3600000.5",
            "f.json: ranks[6].count must be a whole number from 1 to 64, not a text",
            "f.json: ranks[7].class stands there twice",
            "f.json: ranks[7].pace must be a number of milliseconds or null, not true or false");
    }

    [Theory]
    [InlineData("[]", "f.json: must be an object with \"ranks\", not an array")]
    [InlineData("{}", "f.json: ranks is missing")]
    [InlineData("{\"ranks\": {}}", "f.json: ranks must be an array, not an object")]
    [InlineData("{\"ranks\": []}", "f.json: ranks is empty: a fleet has one rank at least")]
    [InlineData(
        "{\"ranks\": [{\"class\":\"A\",\"pace\":1,\"count\":64},{\"class\":\"B\",\"pace\":1}]}",
        "f.json: ranks makes 65 ranks, 64 are the most")]
    [InlineData(
        "{\"ranks\": [{\"class\":\"A\\u001b\",\"pace\":1}]}",
        "f.json: ranks[0].class must be a text of 1 to 64 characters, without control characters")]
    [InlineData(
        "{\"ranks\": [{\"class\":\"A\",\"pace\":1,\"\\u001b[2J\":1}]}",
        "f.json: ranks[0].\uFFFD[2J is not known here; known are class, pace, count")]
    [InlineData("{\"ranks\": [{\"class\":\"\\ud800\",\"pace\":1}]}", "f.json: a text holds an escaped character that is not Unicode")]
    public void Parse_OfAMistake_NamesFileRecordAndField(string json, string error) => Parse(json).Errors.Should().Equal(error);

    [Fact]
    public void Parse_OfSixtyFourRanks_IsTheMost() =>
        Parse("{\"ranks\": [{\"class\":\"A\",\"pace\":3600000,\"count\":64}]}").Value!.Ranks.Should().HaveCount(64);

    [Theory]
    [InlineData("", "f.json: line 1, position 1: ")]
    [InlineData("{\n  \"ranks\": [\n    { \"class\" \"H100\" }\n  ]\n}", "f.json: line 3, position 15: ")]
    [InlineData("{\"ranks\": [", "f.json: line 1, position 12: ")]
    public void Parse_OfMalformedJson_NamesLineAndPosition(string json, string beginning)
    {
        string error = Parse(json).Errors.Should().ContainSingle().Subject;
        error.Should().StartWith(beginning).And.NotContain("LineNumber").And.NotContain("\n");
    }

    [Fact]
    public void Parse_OfBytesThatAreNotText_SaysSo() =>
        FleetFile.Parse(new byte[] { 0x7B, 0xFF, 0x7D }, "f.json").Errors.Should().Equal("f.json: is not UTF-8 text");

    [Fact]
    public void Read_OfAFileThatIsMissing_SaysSo()
    {
        string path = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"), "none.json");
        FleetFile.Read(path).Errors.Should().Equal($"{path}: no such file");
    }

    [Fact]
    public void Read_OfAnEndlessFile_SaysThatNoFleetIsSoLarge()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, new string(' ', (1024 * 1024) + 1));
            FleetFile.Read(path).Errors.Should().Equal($"{path}: is over 1048576 bytes, which no fleet needs");
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void ReadDefault_WithoutAnyFile_IsTheFleetOfTheRepository()
    {
        FleetDefinition fleet = FleetFile.ReadDefault();
        fleet.Ranks.Should().Equal(
            new FleetRank("H100", 0.024), new FleetRank("H100", 0.024), new FleetRank("H200", 0.020), new FleetRank("GB200", 0.010));
        fleet.Should().BeEquivalentTo(FleetFile.Read(InRepository("mixed-generations.json")).Value);
    }

    [Theory]
    [InlineData("mixed-generations.json", 4, 3)]
    [InlineData("six-equals.json", 6, 1)]
    [InlineData("four-equals.json", 4, 1)]
    [InlineData("two-mixed.json", 2, 2)]
    [InlineData("three-mixed.json", 3, 3)]
    [InlineData("five-mixed.json", 5, 4)]
    [InlineData("six-mixed.json", 6, 4)]
    [InlineData("seven-mixed.json", 7, 4)]
    [InlineData("eight-mixed.json", 8, 4)]
    [InlineData("colossus-mix.json", 9, 3)]
    [InlineData("one-failing-gpu.json", 8, 1)]
    [InlineData("jittery-hosts.json", 8, 1)]
    [InlineData("true-compute.json", 4, 1)]
    public void Read_OfAFleetOfTheRepository_HasItsRanks(string file, int ranks, int paces)
    {
        Checked<FleetDefinition> result = FleetFile.Read(InRepository(file));
        result.Errors.Should().BeEmpty();
        result.Value!.Ranks.Should().HaveCount(ranks);
        result.Value.Ranks.Select(rank => rank.PaceSeconds).Distinct().Should().HaveCount(paces);
        result.Value.Ranks.Select(rank => rank.PaceSeconds is null).Distinct().Should().Equal(file == "true-compute.json");
        result.Value.Ranks.Select(rank => rank.PaceSeconds ?? 0.020).Should().OnlyContain(pace => pace >= 0.010 && pace <= 0.030);
        result.Value.Name.Replace(' ', '-').Should().Be(Path.GetFileNameWithoutExtension(file));
    }

    private static string InRepository(string file) =>
        Path.Combine(TextCorpus.FindRoot(AppContext.BaseDirectory)!, "config", "fleets", file);

    private static Checked<FleetDefinition> Parse(string json) => FleetFile.Parse(Encoding.UTF8.GetBytes(json), "f.json");
}
