namespace StragglerGuard.Core.Timing;

/// <summary>What a timing record describes.</summary>
public enum TimingKind : ushort
{
    /// <summary>One training step.</summary>
    Step = 0,

    /// <summary>
    /// The second of two back-to-back barriers: <see cref="StepTiming.ArrivalNs"/> … <see cref="StepTiming.DepartureNs"/> is its
    /// duration, and the spread of the durations over the ranks is the exit skew.
    /// </summary>
    SkewProbe = 1,
}

/// <summary>
/// What one rank reports of one step. All times are int64 nanoseconds of the rank's own monotonic clock: only differences within
/// one rank mean anything.
/// </summary>
public readonly record struct StepTiming
{
    /// <summary>The membership that took the step.</summary>
    public Generation Generation { get; init; }

    /// <summary>The step, 0-based.</summary>
    public long Step { get; init; }

    /// <summary>Who took it.</summary>
    public Rank Rank { get; init; }

    /// <summary>What the record describes.</summary>
    public TimingKind Kind { get; init; }

    /// <summary>When the step began.</summary>
    /// <value>ns, own monotonic clock.</value>
    public long StartNs { get; init; }

    /// <summary>Own work only: without waits for data, peers or pipeline.</summary>
    /// <value>ns, 0 or more.</value>
    public long ComputeNs { get; init; }

    /// <summary>Time spent waiting for input.</summary>
    /// <value>ns, 0 or more.</value>
    public long DataWaitNs { get; init; }

    /// <summary>When the rank entered the first collective of the step.</summary>
    /// <value>ns, own monotonic clock.</value>
    public long ArrivalNs { get; init; }

    /// <summary>When the rank left the first collective of the step.</summary>
    /// <value>ns, own monotonic clock; never before <see cref="ArrivalNs"/>.</value>
    public long DepartureNs { get; init; }

    /// <summary>Units of work done (micro-batches).</summary>
    /// <value>0 or more; 0: the rank held no work, and its compute says nothing about its speed.</value>
    public int WorkUnits { get; init; }

    /// <summary>The denominator of this rank's loss (samples or tokens).</summary>
    public double Weight { get; init; }

    /// <summary>What makes one step's work larger than another's (tokens, or Σ length²); 0 where the runner gives none.</summary>
    public double WorkloadFeature { get; init; }

    /// <summary>The plan in force while the step ran.</summary>
    public PlanEpoch Epoch { get; init; }

    /// <summary>Time spent inside the first collective, d in DESIGN's lag formula.</summary>
    /// <value>ns.</value>
    public long CollectiveNs => DepartureNs - ArrivalNs;
}
