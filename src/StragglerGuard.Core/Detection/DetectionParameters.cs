namespace StragglerGuard.Core.Detection;

/// <summary>What a rank's slowness is measured against.</summary>
public enum DetectionMode
{
    /// <summary>Other ranks of the same stage and device class, three or more.</summary>
    Peers = 0,

    /// <summary>The rank's own history, less what is common to all ranks of the job.</summary>
    OwnHistory = 1,
}

/// <summary>The constants of the slowness detector: two frozen sets, not settings.</summary>
/// <remarks>
/// <para>A two-sided CUSUM (Page, Biometrika 1954) of the robust z, clipped to ±<see cref="ClipZ"/>, with reference value k = 1: it looks
/// for a shift of 2σ. The decision limit h = 10 follows from Siegmund's approximation of the mean time between false alarms of one side
/// (<i>Sequential Analysis</i>, 1985, §2.6), ARL ≈ (e^(2kb) − 2kb − 1) / (2k²), b = h + 1.166: with k = 1, h = 10 about 2.5·10⁹ steps of
/// independent normal noise, against 1.1·10⁵ for the textbook's h = 5. The margin is spent on what real noise has and the formula has not:
/// a σ that is itself estimated from few steps (one that is 20 % too small brings the 2.5·10⁹ down to about 1.8·10⁶), memory from step to
/// step, and heavier tails, which the clip bounds.</para>
/// <para>The price is small: a shift of 4σ or more, which at the floor of σ is 8 %, adds 2 a step and reaches h in 5 steps whatever its
/// size.</para>
/// <para>An alarm of the CUSUM is only a suspicion. A verdict takes the check over the last <see cref="CheckSteps"/> steps as well:
/// medians at or over the minimum effect, 1σ, and <see cref="Significance"/> standard errors of the medians compared.</para>
/// </remarks>
public sealed record DetectionParameters
{
    /// <summary>Smallest slowdown that is worth a verdict unless told otherwise.</summary>
    /// <value>0.10: ten percent more time for a unit of work.</value>
    public const double DefaultMinimumEffect = 0.10;

    /// <summary>Peers that a rank needs to be judged against peers.</summary>
    /// <value>3.</value>
    public const int MinimumPeers = 3;

    private DetectionParameters(DetectionMode mode, int warmUpSteps, int checkSteps)
    {
        Mode = mode;
        WarmUpSteps = warmUpSteps;
        CheckSteps = checkSteps;
    }

    /// <summary>For ranks with <see cref="MinimumPeers"/> peers or more.</summary>
    public static DetectionParameters Peers { get; } = new(DetectionMode.Peers, warmUpSteps: 24, checkSteps: 5);

    /// <summary>For ranks with fewer peers.</summary>
    public static DetectionParameters SingleSeries { get; } = new(DetectionMode.OwnHistory, warmUpSteps: 12, checkSteps: 3);

    /// <summary>What the rank is measured against.</summary>
    public DetectionMode Mode { get; }

    /// <summary>Steps that a baseline takes before it is used.</summary>
    /// <value>24 against peers, 12 against own history.</value>
    public int WarmUpSteps { get; }

    /// <summary>Steps that the check takes its medians over.</summary>
    /// <value>5 against peers, 3 against own history.</value>
    public int CheckSteps { get; }

    /// <summary>Reference value k of the CUSUM, in σ.</summary>
    /// <value>1.</value>
    public double ReferenceZ { get; } = 1;

    /// <summary>Decision limit h of the CUSUM, in σ.</summary>
    /// <value>10.</value>
    public double DecisionLimitZ { get; } = 10;

    /// <summary>Where z is clipped on both sides, so that no single step can raise a suspicion.</summary>
    /// <value>3.</value>
    public double ClipZ { get; } = 3;

    /// <summary>Smallest σ, in log units.</summary>
    /// <value>0.02: two percent.</value>
    public double SigmaFloor { get; } = 0.02;

    /// <summary>Standard errors that the medians of the check must differ by.</summary>
    /// <value>4.</value>
    public double Significance { get; } = 4;

    /// <summary>Healthy steps that a baseline remembers.</summary>
    /// <value>64.</value>
    public int BaselineSteps { get; } = 64;

    /// <summary>Steps beyond <see cref="CheckSteps"/> that a flagged rank must stay below half of the minimum effect to be
    /// cleared.</summary>
    /// <value>3.</value>
    public int RecoveryMarginSteps { get; } = 3;
}
