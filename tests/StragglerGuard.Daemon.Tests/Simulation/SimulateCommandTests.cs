using System.Text.Json;
using StragglerGuard.Daemon.CommandLine;

namespace StragglerGuard.Daemon.Tests.Simulation;

public sealed class SimulateCommandTests
{
    private const string Small = """
        // Four replicas; one gets slow, another a slow link.
        {
          "name": "small",
          "fleet": [ { "class": "H100", "replicas": 4, "secondsPerMicroBatch": 0.25, "microBatchesMax": 64 } ],
          "microBatches": 128,
          "noise": 0.005,
          "transferSeconds": 0.5,
          "fixedSeconds": 0.1,
          "steps": 200,
          "seed": 3,
          "events": [
            { "name": "slow GPU", "kind": "compute", "replicas": [1], "factor": 1.5, "fromStep": 40, "toStep": 120 },
            { "kind": "link", "replicas": [2], "factor": 2, "fromStep": 140 }
          ]
        }
        """;

    private const string SmallText = """
        small: 4 replicas of one rank each, 128 micro-batches a step
        200 steps guarded, 00:30:59 of virtual time

        micro-batches/s              unguarded     guarded       bound       ideal   of bound   loss won back   of the bound's
        whole run                       12.334      13.773      14.079      14.809     97.8 %          58.1 %           82.5 %
        last quarter                    13.994      13.994      13.994      14.803    100.0 %           0.0 %                -
        slow GPU                        10.157      13.076      13.636      14.813     95.9 %          62.7 %           83.9 %
        event 2                         14.000      14.000      14.000      14.810    100.0 %           0.0 %                -
        of bound: guarded / bound; loss won back: (guarded - unguarded) / (ideal - unguarded); of the bound's: (guarded - unguarded) / (bound - unguarded)

        Events
          slow GPU: own work ×1.5 of replica 1, step 40 to 120; first plan in force at step 50
          event 2: link ×2 of replica 2, step 140 to the end; no plan (the guardian sends nobody away for a slow link: in one ring all wait alike, so the ranks' reports don't tell whose it is; the bound knows)
        Decisions: 8, 2 of them plans
          step 44, 409.7 s: stragglerFound 1
            rank 1 takes 1.50× the time per unit of work of its 3 H100 peers (median), 1.50× its own history,
            since step 40; the least that counts is 1.10×, noise σ 2.0 %
          step 47, 447.7 s: planDecided 2, in force from step 50, predicted 9.370 s a step, realised 9.387 s
            rebalance: step 12.6 s → 9.37 s, a gain of 25.6 % (25.5 % replayed over 8 frames, 24.8 % at 4.5
            standard errors); a new deal needs more than 2.0 %; the integers cost 0.4 %; 9 of 128 units change
            hands; 9.37 s a step, 1.345 times the samples per second; a gain of 25.6 % where 2.0 % is needed,
            15.54 s forgone so far against a cost of 0 s
          step 50, 481.7 s: planInForce 3
            every rank computes under it since step 50
          step 68, 650.7 s: planGraded 4
            rebalance of epoch 2: 25.5 % ± 0.2 % realised over 16 frames, 25.6 % predicted (against the former
            plan reckoned on the same frames); it stays
          step 128, 1213.7 s: planDecided 5, in force from step 131, predicted 8.669 s a step, realised 8.648 s
            rebalance: step 9.365 s → 8.669 s, a gain of 7.4 % (7.8 % replayed over 16 frames, 4.6 % at 4.5
            standard errors); a new deal needs more than 2.0 %; the integers cost 0.6 %; 9 of 128 units change
            hands; 8.669 s a step, 1.080 times the samples per second; a gain of 7.4 % where 2.0 % is needed,
            61.48 s forgone so far against a cost of 0 s
          step 129, 1223.7 s: stragglerCleared 6
            rank 1 is back to 1.00× the time per unit of work of its 3 H100 peers (median): the slowness since
            step 40 ended, certain at step 129
          step 131, 1241.7 s: planInForce 7
            every rank computes under it since step 131
          step 131, 1241.7 s: planGraded 8
            rebalance of epoch 5 can't be graded: a verdict has changed since it was decided
        At the end: the best deal takes 9.123 s a step against 9.123 s, a gain of 0.0 %; a new deal needs
        more than 2.0 %
        """;

    [Fact]
    public void Simulate_OfASmallScenario_PrintsTheAgreedText()
    {
        using var folder = new TemporaryFolder();
        ProgramRun run = ProgramRun.Of("simulate", folder.Write("small.json", Small));
        run.ExitCode.Should().Be(ExitCodes.Judged, run.Error);
        run.Error.Should().BeEmpty();
        run.Output.ReplaceLineEndings("\n").TrimEnd('\n').Should().Be(SmallText.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Simulate_WithJson_EndsWithTheAgreedKeys()
    {
        using var folder = new TemporaryFolder();
        JsonElement json = ProgramRun.Of("simulate", folder.Write("small.json", Small), "--json").Json();
        Keys(json).Should().Equal(
            "name", "replicas", "ranks", "microBatches", "steps", "virtualSeconds", "whole", "settled", "events", "decisions", "plansDecided", "policyReason");
        string[] figures = ["unguarded", "guarded", "bound", "ideal", "ofBound", "recovery", "boundRecovery", "shareOfBound"];
        Keys(json.GetProperty("whole")).Should().Equal(figures);
        JsonElement one = json.GetProperty("events")[0];
        Keys(one).Should().Equal("name", "kind", "factor", "from", "to", "timedBy", "firstPlanStep", "figures");
        Keys(one.GetProperty("figures")).Should().Equal(figures);
        json.GetProperty("events")[1].GetProperty("to").ValueKind.Should().Be(JsonValueKind.Null, "it has no end");
        Keys(json.GetProperty("decisions")[0]).Should().Equal(
            "sequence", "step", "atSeconds", "kind", "reason", "predictedStepSeconds", "inForceFromStep", "realisedStepSeconds");
    }

    [Fact]
    public void Simulate_OfTheSameFileTwice_PrintsTheSame()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("small.json", Small);
        ProgramRun.Of("simulate", path, "--json").Should().Be(ProgramRun.Of("simulate", path, "--json", "--seed", "3", "--steps", "200"));
        ProgramRun.Of("simulate", path, "--seed", "4").Output.Should().NotBe(ProgramRun.Of("simulate", path).Output);
        ProgramRun.Of("simulate", path, "--steps", "7").Output.Should().Contain("7 steps guarded");
    }

    [Fact]
    public void Simulate_OfABadScenario_NamesEveryFaultAndEndsWithTwo()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("bad.json", Small.Replace("\"noise\": 0.005", "\"noise\": 5", StringComparison.Ordinal).Replace("[2]", "[4]", StringComparison.Ordinal));
        ProgramRun run = ProgramRun.Of("simulate", path);
        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Output.Should().BeEmpty();
        run.Error.Should().ContainAll(
            $"{path}:6:12: noise: found 5, allowed is a number from 0 to 0.2", $"{path}:13:36: events[1].replicas: found 4, allowed is an array of replicas (0 to 3)");
    }

    [Theory]
    [InlineData("SCENARIO is empty.", "")]
    [InlineData("missing.json: does not exist", "missing.json")]
    [InlineData("--steps takes a whole number of 1 … 10000000, not '0'.", "x.json", "--steps", "0")]
    [InlineData("--seed takes a whole number of 0 … 2147483647, not '-1'.", "x.json", "--seed", "-1")]
    [InlineData("--seed takes a whole number of 0 … 2147483647, not 'one'.", "x.json", "--seed", "one")]
    public void Simulate_OfBadArguments_SaysWhyAndEndsWithTwo(string message, params string[] words)
    {
        ProgramRun run = ProgramRun.Of(["simulate", .. words]);
        run.ExitCode.Should().Be(ExitCodes.BadInput);
        run.Error.Should().Contain(message);
    }

    private static IEnumerable<string> Keys(JsonElement json) => json.EnumerateObject().Select(property => property.Name);
}
