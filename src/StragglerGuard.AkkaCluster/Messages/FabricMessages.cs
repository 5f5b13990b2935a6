using Akka.Actor;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Fabric.Wire;

namespace StragglerGuard.AkkaCluster.Messages;

/// <summary>What travels between the processes of a guard. All of it is written by one serializer, and nothing else is read by it.</summary>
internal interface IFabricMessage;

/// <summary>An agent looks for the guardian, or says that it is still there.</summary>
/// <param name="Node">Whose agent.</param>
/// <param name="ReplyTo">Where welcomes, receipts and offers go.</param>
internal sealed record AgentHello(NodeId Node, IActorRef ReplyTo) : IFabricMessage;

/// <summary>The guardian's answer to a hello.</summary>
/// <param name="Guardian">Its name in the ledger: another name is another guardian.</param>
/// <param name="Intake">Where reports go.</param>
internal sealed record GuardianWelcome(string Guardian, IActorRef Intake) : IFabricMessage;

/// <summary>An agent's report.</summary>
/// <param name="Report">The report.</param>
/// <param name="WantsReceipt">Whether the guardian is to say what has come.</param>
internal sealed record AgentReport(NodeReport Report, bool WantsReceipt) : IFabricMessage
{
    /// <summary>Which agent it is of, drawn by chance: a node may have several, one after the other and at once.</summary>
    /// <value>1 …; 0 where the agent has no number: then every report is taken for the one after the last.</value>
    public long Agent { get; init; }

    /// <summary>
    /// How far its sequence is above that of the report before it that the agent still keeps: where the guardian lacks that one, it lacks it in
    /// between.
    /// </summary>
    /// <value>1 …; 0 where the agent keeps none: all before were acknowledged, or given up.</value>
    public long Distance { get; init; }
}

/// <summary>All reports of an agent up to one have come, or never will.</summary>
/// <param name="Sequence">That of the newest such report; <see cref="long.MinValue"/> where there is none.</param>
/// <param name="LacksOlder">Whether newer ones have come, and one before them has not: it was lost.</param>
internal sealed record ReportReceipt(long Sequence, bool LacksOlder = false) : IFabricMessage;

/// <summary>A plan on its way down.</summary>
/// <param name="Offer">The plan.</param>
internal sealed record PlanOffered(OfferedPlan Offer) : IFabricMessage
{
    private byte[]? _bytes;

    // A copy with another plan has other bytes.
    private PlanOffered(PlanOffered copied) => Offer = copied.Offer;

    /// <summary>As it is written: once, however many agents it is told to. Nobody may change it.</summary>
    public byte[] Bytes => _bytes ??= WireFormat.Encode(Offer);

    /// <summary>Compares the plans.</summary>
    public bool Equals(PlanOffered? other) => other is not null && Offer == other.Offer;

    /// <inheritdoc/>
    public override int GetHashCode() => Offer.GetHashCode();
}

/// <summary>An agent ends: it is to be sent nothing more.</summary>
/// <param name="Node">Whose agent.</param>
/// <param name="ReplyTo">As in its hellos: a node may have several.</param>
internal sealed record AgentGoodbye(NodeId Node, IActorRef ReplyTo) : IFabricMessage;

/// <summary>The guardian hands over: another one is to be looked for.</summary>
/// <param name="Guardian">Its name in the ledger: who was welcomed by another one meanwhile need not look.</param>
internal sealed record GuardianFarewell(string Guardian) : IFabricMessage;

/// <summary>Bytes that are no message of this program's, or of a newer one; never sent.</summary>
/// <param name="Manifest">What they called themselves, cut short and without control characters.</param>
/// <param name="Reason">Why they can't be read.</param>
internal sealed record Unreadable(string Manifest, string Reason)
{
    /// <summary>The reason in one of a few words, for a counter.</summary>
    public UnreadableKind Kind { get; init; } = UnreadableKind.Malformed;
}

/// <summary>Why a message can't be read.</summary>
internal enum UnreadableKind
{
    /// <summary>The bytes are not what their name says.</summary>
    Malformed = 0,

    /// <summary>No message has that name.</summary>
    Unknown = 1,

    /// <summary>A newer program's version of a message.</summary>
    Newer = 2,
}
