using StragglerGuard.Core;

namespace StragglerGuard.Fabric.Wire;

/// <summary>What a node's last report said of who its ranks are. Never changed once it is made.</summary>
/// <param name="Node">The node.</param>
/// <param name="Ranks">In the order of the report.</param>
internal sealed record KnownNode(NodeId Node, KnownRank[] Ranks);

/// <summary>A rank's enrollment, and the bytes that it was read from.</summary>
/// <param name="Bytes">Exactly these bytes mean it.</param>
/// <param name="Enrollment">A possible one.</param>
internal sealed record KnownRank(byte[] Bytes, RankEnrollment Enrollment);
