namespace StragglerGuard.Core.Probing;

/// <summary>What a probe looks at.</summary>
public enum ProbedPart
{
    /// <summary>The device's arithmetic.</summary>
    Compute = 0,

    /// <summary>The device's memory.</summary>
    Memory = 1,

    /// <summary>How long a short message takes.</summary>
    LinkLatency = 2,

    /// <summary>How many bytes a link carries.</summary>
    LinkBandwidth = 3,
}

/// <summary>What a probe says about one device, rank or link.</summary>
/// <param name="Reason">One sentence for a person, with the numbers that decided.</param>
public abstract record ProbeVerdict(string Reason)
{
    /// <summary>As fast as its like, and the probe would have seen it otherwise.</summary>
    /// <param name="Reason">Why, for a person.</param>
    public sealed record Fit(string Reason) : ProbeVerdict(Reason);

    /// <summary>Slower than its like.</summary>
    /// <param name="Part">What is slow.</param>
    /// <param name="Factor">How many times as long it takes, above 1.</param>
    /// <param name="Reason">Why, for a person.</param>
    public sealed record Slow(ProbedPart Part, double Factor, string Reason) : ProbeVerdict(Reason);

    /// <summary>Nothing to compare with, or too noisy to tell.</summary>
    /// <param name="Reason">Why, for a person.</param>
    public sealed record Unknown(string Reason) : ProbeVerdict(Reason);
}
