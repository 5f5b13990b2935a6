namespace StragglerGuard.Core.Timing;

/// <summary>Whether a step's lag can be believed, and if not, why.</summary>
public enum LagStanding
{
    /// <summary>The frame is complete and the arrivals are spread over the gate: the lags count and the last arriver is named.</summary>
    Counts = 0,

    /// <summary>The arrivals are closer together than the gate: nobody was late by more than the measurement can tell.</summary>
    BelowGate = 1,

    /// <summary>Unknown: no exit skew has been measured yet, so there is no gate.</summary>
    SkewUnknown = 2,

    /// <summary>Unknown: ranks are missing, and the last arriver may be one of them.</summary>
    FrameIncomplete = 3,

    /// <summary>Unknown: the gate is passed, but two ranks arrived last at the same nanosecond.</summary>
    Tied = 4,

    /// <summary>Unknown: a rank alone can't be late.</summary>
    SingleRank = 5,
}

/// <summary>What one step's first collective says about who came when. Made by <see cref="LagCalculator"/>.</summary>
public readonly record struct LagSample
{
    /// <summary>The step.</summary>
    public long Step { get; init; }

    /// <summary>Ranks whose record is there.</summary>
    public int PresentCount { get; init; }

    /// <summary>Whether the lags count, or why they don't.</summary>
    public LagStanding Standing { get; init; }

    /// <summary>Time that the collective itself took: the shortest stay in it, that of the last arriver.</summary>
    /// <value>ns; an upper bound while ranks are missing.</value>
    public long TransferNs { get; init; }

    /// <summary>From the first arrival to the last.</summary>
    /// <value>ns; a lower bound while ranks are missing.</value>
    public long SpreadNs { get; init; }

    /// <summary>The spread that must be exceeded for the lags to count.</summary>
    /// <value>ns; null while no exit skew is known.</value>
    public long? GateNs { get; init; }

    /// <summary>Who came last.</summary>
    /// <value>Null unless <see cref="Standing"/> is <see cref="LagStanding.Counts"/>.</value>
    public Rank? LastArriver { get; init; }

    /// <summary>From the second-to-last arrival to the last: the time that the step would have won had the last one come with the others.</summary>
    /// <value>ns; 0 unless <see cref="Standing"/> is <see cref="LagStanding.Counts"/>.</value>
    public long GapNs { get; init; }

    /// <summary>Waiting that the last arriver alone caused: gap × (ranks − 1).</summary>
    /// <value>rank-ns; 0 unless <see cref="Standing"/> is <see cref="LagStanding.Counts"/>.</value>
    public long WaitCausedNs { get; init; }
}
