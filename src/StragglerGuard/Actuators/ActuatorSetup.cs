using StragglerGuard.Actuators.InJob;
using StragglerGuard.Actuators.Slurm;
using StragglerGuard.Actuators.Webhook;
using StragglerGuard.Hosting;

namespace StragglerGuard.Actuators;

/// <summary>The actuator that the settings ask for, or everything that keeps it from being made.</summary>
/// <param name="Actuator">The actuator, to be disposed of with the guard; null where none is asked for or something is wrong.</param>
/// <param name="Reconciler">How persistent its reconciler is.</param>
/// <param name="Problems">What is wrong, each naming its key; empty where nothing is. Holds no credentials.</param>
public sealed record ActuatorSetup(IPoolActuator? Actuator, ReconcilerOptions Reconciler, IReadOnlyList<string> Problems)
{
    /// <summary>Makes the actuator that settings ask for; nothing is called or run yet, only a secret is read.</summary>
    /// <param name="section">The settings, within their ranges.</param>
    /// <param name="membership">The runner that the guard is embedded in; null where there is none.</param>
    /// <param name="time">Gives the timestamps of calls; null: the system's.</param>
    public static ActuatorSetup From(ActuatorsSection section, IJobMembership? membership = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(section);
        var problems = new List<string>();
        if (section.LongestDelaySeconds < section.FirstDelaySeconds)
        {
            problems.Add("actuators.longestDelaySeconds: must be no less than actuators.firstDelaySeconds");
        }

        IPoolActuator? actuator = section.Use switch
        {
            ActuatorChoice.InJob => InJob(membership, problems),
            ActuatorChoice.Slurm => Slurm(section.Slurm),
            ActuatorChoice.Webhook => Webhook(section.Webhook, time, problems),
            _ => null,
        };
        if (problems.Count > 0)
        {
            (actuator as IDisposable)?.Dispose();
            return new ActuatorSetup(null, new ReconcilerOptions(), problems);
        }

        var reconciler = new ReconcilerOptions
        {
            Rounds = section.Rounds,
            FirstDelay = TimeSpan.FromSeconds(section.FirstDelaySeconds),
            LongestDelay = TimeSpan.FromSeconds(section.LongestDelaySeconds),
        };
        return new ActuatorSetup(actuator, reconciler, []);
    }

    private static InJobActuator? InJob(IJobMembership? membership, List<string> problems)
    {
        if (membership is null)
        {
            problems.Add("actuators.use: \"inJob\" needs a training runner that the guard is embedded in");
            return null;
        }

        return new InJobActuator(membership);
    }

    private static SlurmActuator Slurm(SlurmSection section) => new(new SlurmActuatorOptions
    {
        Pools = PoolMapOptionAttribute.TryRead(section.Pools) ?? throw new ArgumentException("The pools are malformed.", nameof(section)),
        ConfigurationFile = section.ConfigurationFile,
        CommandFolder = section.CommandFolder,
        CommandTimeout = TimeSpan.FromSeconds(section.CommandTimeoutSeconds),
    });

    private static WebhookActuator? Webhook(WebhookSection section, TimeProvider? time, List<string> problems)
    {
        var url = Url(section.Url, "actuators.webhook.url", problems);
        if (section.Url.Length == 0)
        {
            problems.Add("actuators.webhook.url: is needed for \"use\": \"webhook\"");
        }

        var observeUrl = Url(section.ObserveUrl, "actuators.webhook.observeUrl", problems);
        var secret = Secret(section, problems);
        return url is null || secret is null || problems.Count > 0
            ? null
            : new WebhookActuator(
                new WebhookActuatorOptions { Url = url, ObserveUrl = observeUrl, Timeout = TimeSpan.FromSeconds(section.TimeoutSeconds) }, secret, time);
    }

    /// <summary>A URL that can be called; what is wrong with it is told without it, since that may be a password.</summary>
    private static Uri? Url(string text, string key, List<string> problems)
    {
        if (text.Length == 0)
        {
            return null;
        }

        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && WebhookActuatorOptions.IsTarget(url))
        {
            return url;
        }

        problems.Add($"{key}: must be absolute, http or https, without user name or password");
        return null;
    }

    private static SharedSecret? Secret(WebhookSection section, List<string> problems)
    {
        if (section.SecretFile.Length == 0 == (section.SecretVariable.Length == 0))
        {
            problems.Add("actuators.webhook: needs either secretFile or secretVariable");
            return null;
        }

        return SharedSecret.Read(
            ("actuators.webhook.secretFile", section.SecretFile), ("actuators.webhook.secretVariable", section.SecretVariable), problems);
    }
}
