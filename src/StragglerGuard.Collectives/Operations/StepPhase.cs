namespace StragglerGuard.Collectives.Operations;

/// <summary>Where a rank stands in a partially reduced step.</summary>
internal enum StepPhase
{
    /// <summary>Between steps.</summary>
    None,

    /// <summary>The owner does its own work.</summary>
    Computing,

    /// <summary>The owner has finished and waits for the cut-off.</summary>
    Arrived,

    /// <summary>The step was closed with this rank: the owner reduces.</summary>
    In,

    /// <summary>The step was closed without this rank: the communication thread reduces.</summary>
    EnteredFor,

    /// <summary>The update lies ready for the owner.</summary>
    Served,
}
