using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Transports;

/// <summary>A control word that came from a rank of the group.</summary>
/// <param name="From">Who sent it.</param>
/// <param name="Word">What was sent; its meaning is the sender's and the receiver's affair.</param>
public readonly record struct RankSignal(Rank From, long Word);
