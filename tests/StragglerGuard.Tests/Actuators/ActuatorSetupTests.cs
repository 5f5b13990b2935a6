using StragglerGuard.Actuators;
using StragglerGuard.Actuators.InJob;
using StragglerGuard.Core;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Actuators;

public sealed class ActuatorSetupTests
{
    [Fact]
    public void From_TheDefaults_MakesNone()
    {
        var setup = ActuatorSetup.From(new ActuatorsSection());

        setup.Actuator.Should().BeNull();
        setup.Problems.Should().BeEmpty();
        setup.Reconciler.Should().Be(new ReconcilerOptions());
    }

    [Theory]
    [InlineData(ActuatorChoice.InJob, "in-job")]
    [InlineData(ActuatorChoice.Slurm, "slurm")]
    [InlineData(ActuatorChoice.Webhook, "webhook")]
    public void From_EachChoice_MakesIt(ActuatorChoice choice, string name) => WithSecretFile(new string('s', 16), path =>
    {
        var section = new ActuatorsSection
        {
            Use = choice,
            Rounds = 3,
            FirstDelaySeconds = 2,
            LongestDelaySeconds = 4,
            Slurm = new SlurmSection { Pools = "h100=gpu-h100, a100=gpu-a100" },
            Webhook = new WebhookSection { Url = "https://hooks.example/act", SecretFile = path },
        };

        var setup = ActuatorSetup.From(section, new NoWorkers());

        setup.Problems.Should().BeEmpty();
        setup.Actuator!.Name.Should().Be(name);
        setup.Reconciler.Should().Be(
            new ReconcilerOptions { Rounds = 3, FirstDelay = TimeSpan.FromSeconds(2), LongestDelay = TimeSpan.FromSeconds(4) });
        ((IDisposable)setup.Actuator).Dispose();
    });

    [Fact]
    public void From_AnIncompleteWebhook_ReportsEverythingAtOnceWithoutPasswords()
    {
        var setup = ActuatorSetup.From(new ActuatorsSection
        {
            Use = ActuatorChoice.Webhook,
            FirstDelaySeconds = 2,
            LongestDelaySeconds = 1,
            Webhook = new WebhookSection { Url = "https://user:hunter2@host/act", ObserveUrl = "host/nodes", SecretVariable = "STRAGGLERGUARD_NO_SUCH_VARIABLE" },
        });

        setup.Actuator.Should().BeNull();
        setup.Problems.Should().Equal(
            "actuators.longestDelaySeconds: must be no less than actuators.firstDelaySeconds",
            "actuators.webhook.url: must be absolute, http or https, without user name or password",
            "actuators.webhook.observeUrl: must be absolute, http or https, without user name or password",
            "actuators.webhook.secretVariable: the environment variable STRAGGLERGUARD_NO_SUCH_VARIABLE, which should hold the secret, is not set");
    }

    [Fact]
    public void From_AWebhookWithoutAnything_SaysWhatItNeeds() =>
        ActuatorSetup.From(new ActuatorsSection { Use = ActuatorChoice.Webhook }).Problems.Should().Equal(
            "actuators.webhook.url: is needed for \"use\": \"webhook\"", "actuators.webhook: needs either secretFile or secretVariable");

    [Fact]
    public void From_InJobWithoutARunner_SaysSo() =>
        ActuatorSetup.From(new ActuatorsSection { Use = ActuatorChoice.InJob }).Problems.Should().ContainSingle().Which.Should().StartWith("actuators.use:");

    [Fact]
    public void From_ASecretThatIsTooShort_SaysSoWithoutShowingIt() => WithSecretFile("hunter2\n", path =>
    {
        var setup = ActuatorSetup.From(new ActuatorsSection
        {
            Use = ActuatorChoice.Webhook,
            Webhook = new WebhookSection { Url = "https://hooks.example/act", SecretFile = path },
        });

        setup.Problems.Should().Equal($"actuators.webhook.secretFile: the secret in {path} must have 16 to 4096 bytes");
    });

    [Theory]
    [InlineData("h100=gpu-h100, a100=gpu-a100", true)]
    [InlineData("h100=gpu", true)]
    [InlineData("", true)]
    [InlineData("h100", false)]
    [InlineData("h100=", false)]
    [InlineData("h100=a=b", false)]
    [InlineData("h100=a, h100=b", false)]
    [InlineData("h100=a, a100=a", false)]
    [InlineData("h100=ALL", false)]
    [InlineData("h100=n[1-3]", false)]
    public void Pools_AsText_AreCheckedAtStart(string pools, bool isAllowed)
    {
        var options = new StragglerGuardOptions { Actuators = new ActuatorsSection { Slurm = new SlurmSection { Pools = pools } } };

        OptionsReader.Check(options).Errors.Should().HaveCount(isAllowed ? 0 : 1);
    }

    private static void WithSecretFile(string text, Action<string> test)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            test(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private sealed class NoWorkers : IJobMembership
    {
        public JobMembershipAbilities Abilities => JobMembershipAbilities.None;

        public IReadOnlyList<JobWorker> Workers => [];

        public ValueTask<ActuationOutcome> EndAsync(WorkerId worker, string reason, CancellationToken cancellationToken) => throw new InvalidOperationException();

        public ValueTask<ActuationOutcome> StartAsync(WorkerId worker, CancellationToken cancellationToken) => throw new InvalidOperationException();

        public ValueTask<ActuationOutcome> AssignAsync(WorkerId worker, string pool, CancellationToken cancellationToken) => throw new InvalidOperationException();
    }
}
