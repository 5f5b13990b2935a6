namespace StragglerGuard.Core.Detection;

/// <summary>What a <see cref="SlownessDetector"/> thinks of a rank.</summary>
public enum RankHealth
{
    /// <summary>Unknown: too few steps seen of it, or of enough peers.</summary>
    Learning = 0,

    /// <summary>Nothing speaks against it.</summary>
    Healthy = 1,

    /// <summary>Its CUSUM is over the limit, and the check does not confirm it.</summary>
    Suspect = 2,

    /// <summary>A verdict stands.</summary>
    Straggling = 3,
}

/// <summary>A rank as it stands after the last frame.</summary>
/// <param name="Health">What is thought of it.</param>
/// <param name="Mode">What it is measured against.</param>
/// <param name="Slowdown">Time for a unit of work over what it would be were the rank healthy, median over the check's steps; NaN while
/// nothing is known.</param>
/// <param name="Sigma">σ of the series that it is judged by, in log units.</param>
/// <param name="OnsetStep">First slow step; null unless <see cref="RankHealth.Straggling"/>.</param>
/// <param name="RaisedAtStep">Step of the verdict; null unless <see cref="RankHealth.Straggling"/>.</param>
public readonly record struct RankStanding(
    RankHealth Health, DetectionMode Mode, double Slowdown, double Sigma, long? OnsetStep, long? RaisedAtStep);
