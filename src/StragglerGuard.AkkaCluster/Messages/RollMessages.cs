namespace StragglerGuard.AkkaCluster.Messages;

/// <summary>A guardian asks another where it stands; the answer goes to the sender.</summary>
/// <param name="Caller">The asker's incarnation: its address comes again after a restart, this doesn't.</param>
internal sealed record RollCall(long Caller) : IFabricMessage;

/// <summary>Where a guardian stands.</summary>
/// <param name="IsMember">Whether it is a member of a cluster, in good standing.</param>
/// <param name="CountsCaller">Whether the asker is a member of the same.</param>
/// <param name="Guardians">Guardians of that cluster that it reaches, itself among them; 0 where it is in none.</param>
/// <param name="Lowest">The lowest address of theirs; empty where it is in none.</param>
/// <param name="Options">Digests of the options in which all guardians are to agree, by key.</param>
internal sealed record RollAnswer(
    bool IsMember, bool CountsCaller, int Guardians, string Lowest, IReadOnlyDictionary<string, string> Options) : IFabricMessage;
