using System.Globalization;
using StragglerGuard.Actuators;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Hosting;

public sealed class OptionsReaderTests
{
    [Theory]
    [InlineData("{}")]
    [InlineData("// nothing set\n{ /* still nothing */ }")]
    [InlineData("{\"agent\": {}, \"metrics\": {},}")]
    public void ReadText_WithNothingSet_GivesTheDefaults(string json) =>
        Valid(json).Should().Be(new StragglerGuardOptions());

    [Fact]
    public void ReadText_WithEverySectionTouched_TakesTheValues()
    {
        var options = Valid("""
            {
              "job": "llm-7b", // trailing comment
              "mode": "act",
              "agent": { "intervalMs": 250, "ringSlots": 8192 },
              "guardian": { "horizonSteps": 32, "lagWindowSteps": 128 },
              "detection": { "minimumEffect": 0.25 },
              "policy": { "minGain": 0, "switchCostSeconds": 1.5, "horizonSteps": 50, "coolDownSteps": 0, "brakeShare": 1 },
              "collectives": { "timeoutSeconds": 0.5, "chunkBytes": 65536 },
              "metrics": { "address": "::1", "port": 9464, "maxSeries": 500, },
              "ledger": { "location": "sqlite:guard.ledger", "modes": "ignore" },
              "actuators": { "use": "slurm", "rounds": 2, "slurm": { "pools": "h100=gpu" }, "webhook": { "timeoutSeconds": 3 } },
            }
            """);

        options.Should().Be(new StragglerGuardOptions
        {
            Job = "llm-7b",
            Mode = PolicyMode.Act,
            Agent = new AgentSection { IntervalMs = 250, RingSlots = 8192 },
            Guardian = new GuardianSection { HorizonSteps = 32, LagWindowSteps = 128 },
            Detection = new DetectionSection { MinimumEffect = 0.25 },
            Policy = new PolicySection { MinGain = 0, SwitchCostSeconds = 1.5, HorizonSteps = 50, CoolDownSteps = 0, BrakeShare = 1 },
            Collectives = new CollectivesSection { TimeoutSeconds = 0.5, ChunkBytes = 65536 },
            Metrics = new MetricsSection { Address = "::1", Port = 9464, MaxSeries = 500 },
            Ledger = new LedgerSection { Location = "sqlite:guard.ledger", Modes = LedgerModes.Ignore },
            Actuators = new ActuatorsSection
            {
                Use = ActuatorChoice.Slurm,
                Rounds = 2,
                Slurm = new SlurmSection { Pools = "h100=gpu" },
                Webhook = new WebhookSection { TimeoutSeconds = 3 },
            },
        });
    }

    [Fact]
    public void ReadText_WithManyFaults_ReportsThemAllWithPlaceKeyFoundAndAllowed()
    {
        var errors = Errors("""
            {
              "mode": "attack",
              "agent": { "intervallMs": 5, "ringSlots": 1000, "intervalMs": 5 },
              "guardian": 7,
              "policy": { "minGain": "2 %", "minGain": 0.5, "brakeShare": 1e999, "horizonSteps": 10.5 },
              "metrics": { "port": 70000, "address": "localhost", "maxSeries": null },
              "chunkBytes": [1, {"a": 2}],
              "nonsense": true,
              "job": ""
            }
            """);

        errors.Should().Equal(
            "t:2:11: mode: found \"attack\", allowed is one of \"observe\", \"advise\", \"act\"",
            "t:3:14: agent.intervallMs: is no key of the options: did you mean \"agent.intervalMs\"?",
            "t:3:45: agent.ringSlots: found 1000, allowed is a power of two from 64 to 4194304",
            "t:3:65: agent.intervalMs: found 5, allowed is a whole number from 10 to 60000 ms",
            "t:4:15: guardian: found 7, allowed is an object",
            "t:5:26: policy.minGain: found \"2 %\", allowed is a number from 0 to 0.99",
            "t:5:33: policy.minGain: is there twice in the same object, allowed is once",
            "t:5:63: policy.brakeShare: found 1e999, allowed is a number from 0.01 to 1",
            "t:5:86: policy.horizonSteps: found 10.5, allowed is a whole number from 1 to 1000000 steps",
            "t:6:24: metrics.port: found 70000, allowed is a whole number from 0 to 65535, or null",
            "t:6:42: metrics.address: found \"localhost\", allowed is an IP address such as \"127.0.0.1\" or \"::1\"",
            "t:6:68: metrics.maxSeries: found null, allowed is a whole number from 100 to 1000000",
            "t:7:3: chunkBytes: is no key of the options: did you mean \"collectives.chunkBytes\"?",
            "t:8:3: nonsense: is no key of the options: allowed are job, mode, agent, guardian, detection, policy, mitigation, collectives, metrics, ledger, actuators, cluster",
            "t:9:10: job: found \"\", allowed is a text of 1 to 128 characters without control characters");
    }

    [Theory]
    [InlineData("postgres://guard:hunter2@")]
    [InlineData("Host=db;Password=hunter2;Nonsense=1")]
    [InlineData("mysql://guard:hunter2@db/x")]
    public void LedgerLocation_ThatIsNone_IsRefusedWithoutBeingShown(string location)
    {
        var options = new StragglerGuardOptions { Ledger = new LedgerSection { Location = location } };

        string[] refusals = [.. Errors($"{{ \"ledger\": {{ \"location\": \"{location}\" }} }}"), .. Describe(OptionsReader.Check(options)), options.ToString()];

        refusals.Should().HaveCount(3).And.OnlyContain(text => !text.Contains("hunter2", StringComparison.Ordinal));
        refusals[0].Should().StartWith("t:1:27: ledger.location: found another text, allowed is a file, sqlite:FILE, postgres://user@host/database");
    }

    [Theory]
    [InlineData("{ \"Mode\": \"act\" }", "t:1:3: Mode: is no key of the options: did you mean \"mode\"?")]
    [InlineData("{ \"jop\": \"a\" }", "t:1:3: jop: is no key of the options: did you mean \"job\"?")]
    [InlineData("{ \"foo\": 1 }", "t:1:3: foo: is no key of the options: allowed are job, mode, agent, guardian, detection, policy, mitigation, collectives, metrics, ledger, actuators, cluster")]
    [InlineData("{ \"agent\": null }", "t:1:12: agent: found null, allowed is an object")]
    [InlineData("{ \"mode\": 2 }", "t:1:11: mode: found 2, allowed is one of \"observe\", \"advise\", \"act\"")]
    [InlineData("{ \"mode\": \"Act\" }", "t:1:11: mode: found \"Act\", allowed is one of \"observe\", \"advise\", \"act\"")]
    [InlineData("{ \"metrics\": { \"address\": \"1\" } }", "t:1:27: metrics.address: found \"1\", allowed is an IP address such as \"127.0.0.1\" or \"::1\"")]
    [InlineData("{ \"agent\": { \"intervalMs\": 99999999999 } }", "t:1:28: agent.intervalMs: found 99999999999, allowed is a whole number from 10 to 60000 ms")]
    [InlineData("[1, 2]", "t:1:1: found an array, allowed is an object")]
    [InlineData("\"text\"", "t:1:1: found \"text\", allowed is an object")]
    public void ReadText_WithOneFault_ReportsExactlyThatOne(string json, string error) => Errors(json).Should().Equal(error);

    [Theory]
    [InlineData("{ \"job\": \"a\",\n  \"mode\" \"act\" }", "t:2:10: malformed JSON: '\"' is invalid after a property name. Expected a ':'.")]
    [InlineData("{ \"agent\": { \"intervalMs\": 100 }", "t:1:33: malformed JSON:")]
    [InlineData("", "t:1:1: malformed JSON: The input does not contain any JSON tokens.")]
    [InlineData("{} {}", "t:1:4: malformed JSON:")]
    [InlineData("{ \"job\": \"\\ud800\" }", "t:1:10: malformed JSON:")]
    public void ReadText_OfMalformedJson_SaysWhere(string json, string beginning) =>
        Errors(json).Should().ContainSingle().Which.Should().StartWith(beginning);

    [Fact]
    public void ReadText_WithFaultsBeforeMalformedJson_ReportsBoth()
    {
        var errors = Errors("{ \"mode\": 1, \"agent\": { \"ringSlots\": 3 }, oops");

        errors.Should().HaveCount(3);
        errors[0].Should().Contain("mode: found 1");
        errors[1].Should().Contain("agent.ringSlots: found 3");
        errors[2].Should().StartWith("t:1:43: malformed JSON:");
    }

    [Fact]
    public void ReadText_WithAVeryLongValue_QuotesOnlyItsBeginning() =>
        Errors($"{{ \"mode\": \"{new string('x', 5000)}\" }}").Single().Length.Should().BeLessThan(200);

    [Fact]
    public void ReadFile_ThatIsMissing_SaysSo()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName(), "none.json");

        Describe(OptionsReader.ReadFile(path)).Should().Equal($"{path}: does not exist");
    }

    [Fact]
    public void ReadFile_ThatIsADirectory_SaysSo() =>
        Describe(OptionsReader.ReadFile(AppContext.BaseDirectory)).Should().Equal($"{AppContext.BaseDirectory}: is a directory, a JSON file is needed");

    [Fact]
    public void ReadFile_ThatIsNotText_SaysSo() =>
        WithFile([0x7B, 0xFF, 0xFE, 0x7D], path => Describe(OptionsReader.ReadFile(path)).Should().Equal($"{path}: is not UTF-8 text"));

    [Fact]
    public void ReadFile_ThatIsFarTooLarge_SaysSo() =>
        WithFile(new byte[OptionsReader.MaximumBytes + 1], path => Describe(OptionsReader.ReadFile(path)).Single().Should().Contain("is larger than"));

    [Fact]
    public void ReadFile_WithByteOrderMark_ReadsIt() =>
        WithFile([.. "\uFEFF"u8, .. "{ \"job\": \"a\" }"u8], path => OptionsReader.ReadFile(path).Options!.Job.Should().Be("a"));

    [Fact]
    public void ReadFile_WithAFault_NamesTheFile() =>
        WithFile("{\n \"mode\": 3 }"u8.ToArray(), path => Describe(OptionsReader.ReadFile(path)).Single().Should().StartWith($"{path}:2:10: mode: found 3"));

    [Fact]
    public void Check_OfDefaults_Accepts()
    {
        var options = new StragglerGuardOptions();

        OptionsReader.Check(options).Options.Should().BeSameAs(options);
    }

    [Fact]
    public void Check_OfOptionsMadeInCode_ReportsEveryFault()
    {
        var outcome = OptionsReader.Check(new StragglerGuardOptions
        {
            Job = null!,
            Mode = (PolicyMode)9,
            Policy = new PolicySection { MinGain = double.NaN },
            Agent = new AgentSection { RingSlots = 100 },
            Metrics = null!,
            Cluster = new ClusterSection { Host = "", Guardians = "a\nb" },
        });

        outcome.Options.Should().BeNull();
        outcome.Errors.Select(e => e.ToString()).Should().Equal(
            "options: job: found null, allowed is a text of 1 to 128 characters without control characters",
            "options: mode: found 9, allowed is one of \"observe\", \"advise\", \"act\"",
            "options: agent.ringSlots: found 100, allowed is a power of two from 64 to 4194304",
            "options: policy.minGain: found NaN, allowed is a number from 0 to 0.99",
            "options: metrics: found null, allowed is an object",
            "options: cluster.host: found \"\", allowed is a text of 1 to 253 characters without control characters",
            "options: cluster.guardians: found \"a\\nb\", allowed is hosts with their ports, each once and 9 at most, such as \"guardian-0:4053, guardian-1:4053, guardian-2:4053\"");
    }

    [Fact]
    public void EveryNumber_AtAndBeyondItsBounds_IsTakenAndRefused()
    {
        foreach (var key in OptionTable.Root.Settings.Where(k => k.Option is NumberOptionAttribute))
        {
            var range = (NumberOptionAttribute)key.Option!;
            var step = key.ValueType == typeof(int) ? 1 : 1e-3;
            foreach (var (value, allowed) in new[] { (range.Minimum, true), (range.Maximum, true), (range.Minimum - step, false), (range.Maximum + step, false) })
            {
                var number = value.ToString(CultureInfo.InvariantCulture);
                var json = key.Path.Split('.').Reverse().Aggregate(number, (inner, name) => $"{{ \"{name}\": {inner} }}");
                var outcome = OptionsReader.ReadText(json);

                (outcome.Errors.Count == 0).Should().Be(allowed, "{0} = {1}", key.Path, number);
            }
        }
    }

    private static StragglerGuardOptions Valid(string json)
    {
        var outcome = OptionsReader.ReadText(json, "t");
        outcome.Errors.Should().BeEmpty();
        return outcome.Options!;
    }

    private static string[] Errors(string json) => Describe(OptionsReader.ReadText(json, "t"));

    private static string[] Describe(OptionsOutcome outcome)
    {
        outcome.Options.Should().BeNull();
        return [.. outcome.Errors.Select(e => e.ToString())];
    }

    private static void WithFile(byte[] content, Action<string> test)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, content);
            test(path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
