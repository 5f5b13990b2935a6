using Akka.Actor;
using Akka.Cluster;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Hosting;
using StragglerGuard.Telemetry;
using ClusterSettings = StragglerGuard.AkkaCluster.Settings.ClusterSettings;

namespace StragglerGuard.AkkaCluster.Tests.Guardians;

/// <summary>A guardian that can end without a word to the others, and does not come back.</summary>
internal sealed class MortalGuardian : IDisposable
{
    private readonly ActorSystem _system;

    public MortalGuardian(StragglerGuardOptions options)
    {
        Post = new GuardianPost(new GuardInstruments(), () => GuardParts.Open(options, membership: null));
        _system = GuardActorSystem.Create(ClusterSettings.ReadOrThrow(options, ClusterRole.Guardian), _ => { });
        GuardianSingleton.Start(_system, Post);
        Address self = Cluster.Get(_system).SelfAddress;
        List<Address> others = [.. options.Cluster.GuardianEndpoints.Where(guardian => guardian.Port != options.Cluster.Port)
            .Select(guardian => self.WithPort(guardian.Port))];
        GuardianPost post = Post;
        Action<string> onYield = _ => { };
        _system.ActorOf(Props.Create(() => new RollActor(others, post, onYield)), RollActor.Name);
    }

    public GuardianPost Post { get; }

    /// <summary>Ends its system at once: it doesn't leave, and hands nothing over.</summary>
    public async Task DieAsync()
    {
        ((ExtendedActorSystem)_system).Abort();
        await _system.WhenTerminated;
        await Post.ReleasedAsync();
    }

    public void Dispose()
    {
        ((ExtendedActorSystem)_system).Abort();
        Post.Instruments.Dispose();
    }
}
