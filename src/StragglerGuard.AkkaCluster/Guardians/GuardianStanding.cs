namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>Where a guardian's process stands among the guardians.</summary>
public enum GuardianStanding
{
    /// <summary>It looks for the others: at the start, and after they went on without it.</summary>
    Joining = 0,

    /// <summary>It is a member, and another one decides.</summary>
    StandingBy = 1,

    /// <summary>It is the one that is to decide, and waits for the ledger: <see cref="GuardianNode.Trouble"/> says for what.</summary>
    Claiming = 2,

    /// <summary>It decides.</summary>
    Deciding = 3,

    /// <summary>It left.</summary>
    Left = 4,
}
