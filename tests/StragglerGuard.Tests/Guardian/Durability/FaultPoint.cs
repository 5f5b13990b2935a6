namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>The named points of the way of a decision at which a guardian can die.</summary>
public enum FaultPoint
{
    /// <summary>It has decided; nothing is in the ledger.</summary>
    BeforeAppend,

    /// <summary>It is in the ledger; nobody has heard of it.</summary>
    AfterAppend,

    /// <summary>A plan is in the ledger, and about to be sent.</summary>
    BeforeSend,

    /// <summary>A plan was sent.</summary>
    AfterSend,

    /// <summary>The ranks are seen to compute under a plan, which is about to be put down.</summary>
    BeforeAdopt,

    /// <summary>That is put down.</summary>
    AfterAdopt,

    /// <summary>A scheduler is about to be told to take a node out or back.</summary>
    BeforeActuate,

    /// <summary>The scheduler has done so, and nobody knows.</summary>
    AfterActuate,

    /// <summary>A plan is graded, and that is about to be put down.</summary>
    BeforeGrade,

    /// <summary>The grade is put down, and what follows from it is not done.</summary>
    AfterGrade,
}
