using System.Text;
using StragglerGuard.Core.Policy;
using StragglerGuard.Simulation;

namespace StragglerGuard.Tests.Simulation;

public sealed class ScenarioReaderTests
{
    private const string Smallest = """{ "fleet": [ { "class": "H100", "replicas": 4, "secondsPerMicroBatch": 1 } ], "microBatches": 32, "steps": 10 }""";

    [Fact]
    public void ReadBytes_OfTheSmallestFile_HasTheDefaults()
    {
        Scenario scenario = Scenarios.Read(Smallest);
        scenario.Name.Should().Be("s");
        scenario.Classes.Should().Equal(new ReplicaClass("H100", 4, 1, int.MaxValue, 1));
        (scenario.ReplicasPerNode, scenario.Noise, scenario.TransferSeconds, scenario.FixedSeconds, scenario.Seed).Should().Be((8, 0.01, 0, 0, 1L));
        scenario.Mitigations.Should().Be(ScenarioMitigations.Rebalance);
        scenario.Guard.Mode.Should().Be(PolicyMode.Act, "to see what it would do is why one simulates");
        scenario.Events.Should().BeEmpty();
    }

    [Fact]
    public void ReadBytes_OfEveryKey_TakesIt()
    {
        Scenario scenario = Scenarios.Read("""
            // everything
            {
              "name": "all", "comment": "for people", "seed": 7, "noise": 0, "hours": 0.5, "replicasPerNode": 2,
              "fleet": [ { "class": "A", "replicas": 3, "secondsPerMicroBatch": 0.5, "microBatchesMax": 9, "ranksPerReplica": 8, "comment": "c" } ],
              "microBatches": 12, "transferSeconds": 0.25, "fixedSeconds": 0.125, "mitigations": [ "evict", "rebalance", "backup", "deadline" ],
              "guard": { "mode": "advise", "policy": { "coolDownSteps": 5 } },
              "events": [
                { "name": "e", "kind": "stall", "replicas": [ 2, "0-1" ], "factor": 5, "probability": 0.1, "fromSeconds": 1.5, "toSeconds": 2.5, "comment": "c" },
                { "kind": "link", "replicas": [ 0 ], "factor": 2, "fromSeconds": 3 },
              ],
            }
            """);
        (scenario.Name, scenario.Seed, scenario.Hours, scenario.Steps, scenario.ReplicasPerNode).Should().Be(("all", 7L, 0.5, null, 2));
        scenario.Ranks.Should().Be(24);
        scenario.Mitigations.Should().Be(ScenarioMitigations.Rebalance | ScenarioMitigations.Evict | ScenarioMitigations.Deadline | ScenarioMitigations.Backup);
        scenario.Guard.Mode.Should().Be(PolicyMode.Advise);
        scenario.Guard.Policy.CoolDownSteps.Should().Be(5);
        ScenarioEvent first = scenario.Events[0];
        (first.Name, first.Kind, first.Factor, first.Probability, first.From, first.To, first.IsTimed)
            .Should().Be(("e", ScenarioEventKind.Stall, 5, 0.1, 1.5, 2.5, true));
        first.Replicas.Should().Equal(new ReplicaRange(2, 2), new ReplicaRange(0, 1));
        (scenario.Events[1].Name, scenario.Events[1].To).Should().Be(("event 2", double.PositiveInfinity));
    }

    [Fact]
    public void ReadBytes_OfManyMistakes_NamesAllWithLineAndKey()
    {
        Errors("""
            {
              "nam": "x",
              "fleet": [
                { "class": "", "replicas": 0, "secondsPerMicroBatch": "1" },
                17,
                { "class": "A", "class": "B", "replicas": 2, "secondsPerMicroBatch": 1e999 }
              ],
              "microBatches": 1.5,
              "noise": -1,
              "steps": 10, "hours": 1,
              "mitigations": [ "rebalance", "pray" ],
              "guard": { "mode": "act",
                         "policy": { "minGain": 2 } },
              "events": [
                { "kind": "fire", "replicas": [], "factor": 0.5, "fromStep": 3, "toStep": 3 },
                { "kind": "link", "replicas": [ 9, "1-0" ], "factor": 2, "probability": 1, "fromSeconds": 0 },
                { "kind": "stall", "replicas": [ 0, "0-1" ], "factor": 2, "fromStep": 0 }
              ]
            }
            """).Should().Equal(
            "s.json:2:3: nam: is no key here; allowed are name, fleet, replicasPerNode, microBatches, noise, transferSeconds, fixedSeconds, steps, hours, seed, mitigations, guard, events and comment",
            "s.json:4:16: fleet[0].class: found \"\", allowed is a text of 1 to 64 characters without control characters",
            "s.json:4:32: fleet[0].replicas: found 0, allowed is a whole number from 1 to 1048576",
            "s.json:4:59: fleet[0].secondsPerMicroBatch: found \"1\", allowed is a number from 0.000001 to 3600 s",
            "s.json:5:5: fleet[1]: found 17, allowed is an object",
            "s.json:6:21: fleet[2].class: is there twice in the same object, allowed is once",
            "s.json:6:74: fleet[2].secondsPerMicroBatch: found 1e999, allowed is a number from 0.000001 to 3600 s",
            "s.json:8:19: microBatches: found 1.5, allowed is a whole number from 1 to 1073741823",
            "s.json:9:12: noise: found -1, allowed is a number from 0 to 0.2",
            "s.json:10:25: steps: one of steps and hours says how long the run is",
            "s.json:11:33: mitigations: found \"pray\", allowed is an array of \"rebalance\", \"evict\", \"deadline\" and \"backup\"",
            "s.json:13:37: guard.policy.minGain: found 2, allowed is a number from 0 to 0.99",
            "s.json:15:15: events[0].kind: found \"fire\", allowed is \"compute\", \"link\", \"stall\"",
            "s.json:15:35: events[0].replicas: found an array, allowed is an array of replicas (0 to 2) and of ranges such as \"0-3\"",
            "s.json:15:49: events[0].factor: found 0.5, allowed is a number from 1 to 100",
            "s.json:15:79: events[0].toStep: must be after fromStep",
            "s.json:16:5: events[1]: is timed in another way than the first event; allowed are steps for all or seconds for all",
            "s.json:16:37: events[1].replicas: found 9, allowed is an array of replicas (0 to 2) and of ranges such as \"0-3\", each once",
            "s.json:16:40: events[1].replicas: found \"1-0\", allowed is an array of replicas (0 to 2) and of ranges such as \"0-3\", each once",
            "s.json:16:77: events[1].probability: is for stalls only",
            "s.json:17:5: events[2].probability: is missing, allowed is a number from 0.000001 to 1",
            "s.json:17:41: events[2].replicas: found \"0-1\", allowed is an array of replicas (0 to 2) and of ranges such as \"0-3\", each once");
    }

    [Theory]
    [InlineData("\"microBatches\": 32", "\"microBatches\": 3", "microBatches: 3 are fewer than the 4 replicas, each needs one")]
    [InlineData("\"replicas\": 4", "\"replicas\": 4, \"microBatchesMax\": 7", "microBatches: dealt evenly give H100 8, more than its microBatchesMax of 7")]
    [InlineData("\"steps\": 10", "\"hours\": 99999", "hours: are some 44999550 steps, allowed are 10000000 at most")]
    [InlineData("\"steps\": 10", "\"steps\": 10000000, \"transferSeconds\": 3600", "steps: may take more than 1000000000 s of virtual time, which is the most allowed")]
    [InlineData("\"steps\": 10", "\"steps\": 10, \"fleet\": 3", "fleet: is there twice in the same object, allowed is once")]
    [InlineData("\"replicas\": 4", "\"replicas\": 1048576, \"ranksPerReplica\": 2", "fleet: makes 2097152 ranks, allowed are 1048576 at most")]
    public void ReadBytes_OfValuesThatContradictEachOther_SaysSo(string good, string bad, string error) =>
        Errors(Smallest.Replace(good, bad, StringComparison.Ordinal))
            .Should().ContainSingle().Which.Should().EndWith(error);

    [Fact]
    public void ReadBytes_OfEventsThatPileUp_RefusesTheirProduct()
    {
        string Overlapping(int replica, int from) => Smallest[..^1] + $$"""
            , "events": [
                { "kind": "compute", "replicas": [ "0-2" ], "factor": 100, "fromStep": 2, "toStep": 6 },
                { "kind": "compute", "replicas": [ {{replica}} ], "factor": 11, "fromStep": {{from}} } ] }
            """;
        Errors(Overlapping(replica: 2, from: 5)).Should().ContainSingle().Which.Should().EndWith("events: overlap to a factor of 1100 on one replica, allowed is 1000 at most");
        Errors(Overlapping(replica: 3, from: 5)).Should().BeEmpty("they befall different replicas");
        Errors(Overlapping(replica: 2, from: 6)).Should().BeEmpty("they follow each other");
    }

    [Fact]
    public void ReadBytes_CutOffAnywhere_SaysWhereAndNeverThrows()
    {
        byte[] whole = Encoding.UTF8.GetBytes(Smallest);
        for (int length = 0; length < whole.Length; length++)
        {
            ScenarioOutcome outcome = ScenarioReader.ReadBytes(whole.AsSpan(0, length), "s.json");
            outcome.Scenario.Should().BeNull($"{length} of {whole.Length} bytes are no scenario");
            outcome.Errors.Should().ContainSingle().Which.ToString().Should().StartWith("s.json:1:").And.Contain("malformed JSON");
        }
    }

    [Theory]
    [InlineData("[]", "found an array, allowed is an object")]
    [InlineData("{}", "microBatches: is missing, allowed is a whole number from 1 to 1073741823")]
    [InlineData("{ \"name\": \"\\ud800\" }", "malformed JSON")]
    [InlineData("{} {}", "malformed JSON")]
    public void ReadBytes_OfSomethingElse_IsRefused(string json, string error) => string.Join('\n', Errors(json)).Should().Contain(error);

    [Fact]
    public void ReadBytes_OfWhatIsNoText_IsRefused() =>
        ScenarioReader.ReadBytes([0xFF, 0xFE, 0x00], "s.json").Errors.Should().ContainSingle().Which.ToString().Should().Be("s.json: is not UTF-8 text");

    [Fact]
    public void ReadFile_OfWhatIsNotThere_SaysSo()
    {
        ScenarioReader.ReadFile("missing.json").Errors.Should().ContainSingle().Which.ToString().Should().Be("missing.json: does not exist");
        ScenarioReader.ReadFile(Path.GetTempPath()).Errors.Should().ContainSingle().Which.Problem.Should().Be("is a directory, a JSON file is needed");
    }

    private static IEnumerable<string> Errors(string json) =>
        ScenarioReader.ReadBytes(Encoding.UTF8.GetBytes(json), "s.json").Errors.Select(error => error.ToString());
}
