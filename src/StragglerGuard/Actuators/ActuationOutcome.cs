namespace StragglerGuard.Actuators;

/// <summary>How an action went.</summary>
public enum ActuationStatus
{
    /// <summary>Done, and seen to be so where it can be seen.</summary>
    Done = 0,

    /// <summary>There was nothing to do.</summary>
    AlreadySo = 1,

    /// <summary>Not done, or not known to be; the same call may succeed later.</summary>
    RetryLater = 2,

    /// <summary>Not done; the same call won't succeed unless something else changes.</summary>
    Refused = 3,
}

/// <summary>How an action went, and why.</summary>
/// <param name="Status">How.</param>
/// <param name="Reason">For people; holds no credentials.</param>
/// <param name="RetryAfter">The shortest wait before the next try that the other side asked for; null where it asked for none.</param>
public sealed record ActuationOutcome(ActuationStatus Status, string Reason, TimeSpan? RetryAfter = null)
{
    /// <summary>Whether the state asked for is reached: done now or before.</summary>
    public bool Succeeded => Status is ActuationStatus.Done or ActuationStatus.AlreadySo;

    internal static ActuationOutcome Done(string reason) => new(ActuationStatus.Done, reason);

    internal static ActuationOutcome AlreadySo(string reason) => new(ActuationStatus.AlreadySo, reason);

    internal static ActuationOutcome RetryLater(string reason, TimeSpan? retryAfter = null) => new(ActuationStatus.RetryLater, reason, retryAfter);

    internal static ActuationOutcome Refused(string reason) => new(ActuationStatus.Refused, reason);
}
