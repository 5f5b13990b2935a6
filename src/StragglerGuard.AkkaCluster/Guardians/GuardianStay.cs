using Akka.Actor;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>The guardian while it is in this process: from the claim to its ledger to the giving back of it.</summary>
internal sealed class GuardianStay : IAsyncDisposable
{
    private readonly GuardParts _parts;

    /// <summary>Begins to guard.</summary>
    /// <param name="parts">The claimed ledger, and the actuators; they go with this.</param>
    /// <param name="post">Where decisions and complaints are told.</param>
    /// <param name="coordinator">Who hands plans to the agents.</param>
    public GuardianStay(GuardParts parts, GuardianPost post, IActorRef coordinator)
    {
        _parts = parts;
        Fabric = new AkkaGuardianFabric(coordinator);
        Service = new GuardianService(Fabric, parts.Ledger, parts.Options, post.Instruments, parts.Actuators);
        Service.Decided += post.TellDecided;
        Service.Complained += post.TellComplaint;
    }

    /// <summary>The guardian. Its methods take its lock: they are not for an actor's thread.</summary>
    public GuardianService Service { get; }

    /// <summary>Its ledger, to be read.</summary>
    public ILedgerReader Ledger => _parts.Ledger;

    /// <summary>Where reports go in.</summary>
    public AkkaGuardianFabric Fabric { get; }

    /// <summary>Judges what has come, and gives the claim back.</summary>
    public async ValueTask DisposeAsync()
    {
        Fabric.HandOver();
        try
        {
            await Service.DisposeAsync().ConfigureAwait(false);
            await Fabric.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _parts.Dispose();
        }
    }
}
