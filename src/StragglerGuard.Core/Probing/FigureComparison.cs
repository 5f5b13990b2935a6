using System.Collections.Immutable;
using static System.FormattableString;

namespace StragglerGuard.Core.Probing;

/// <summary>What a comparison came to.</summary>
internal enum FigureStanding
{
    Unknown = 0,
    Fit = 1,
    Slow = 2,
}

/// <summary>One figure against those of its like.</summary>
/// <param name="Part">What was measured.</param>
/// <param name="Standing">What it came to.</param>
/// <param name="LogFactor">ln of how many times as long it takes; 0 where there was nothing to compare with.</param>
/// <param name="LogThreshold">ln of the factor from which on it is slow.</param>
/// <param name="Reason">A sentence without its subject: "takes 1.52 times as long as …".</param>
/// <remarks>
/// The threshold is max(ln(1 + least effect), z·σ), σ² = σ²(own repeats) + σ²(repeats of the reference) + σ²(between peers), all relative.
/// </remarks>
internal readonly record struct FigureComparison(
    ProbedPart Part, FigureStanding Standing, double LogFactor, double LogThreshold, string Reason)
{
    /// <summary>The median absolute deviation of normal values, times this, is their standard deviation.</summary>
    public const double SigmaOfMad = 1.4826;

    public double Factor => Math.Exp(LogFactor);

    public static FigureComparison WithoutReference(ProbedPart part, string reason) => new(part, FigureStanding.Unknown, 0, 0, reason);

    /// <summary>Against peers.</summary>
    public static FigureComparison WithPeers(ProbedPart part, ProbeFigure own, PeerReference peers, ProbeJudgeOptions options) => Compare(
        part, own, peers.Figure, peers.Between, peers.Count == 1 ? "the only peer's" : Invariant($"the median of {peers.Count} peers"), options);

    /// <summary>Against a figure known from before.</summary>
    public static FigureComparison WithPrior(ProbedPart part, ProbeFigure own, ProbeFigure prior, ProbeJudgeOptions options) =>
        Compare(part, own, prior, 0, "the one known from before", options);

    public ProbeVerdict ToVerdict(string subject) => Standing switch
    {
        FigureStanding.Slow => new ProbeVerdict.Slow(Part, Factor, $"{subject}: {Reason}"),
        FigureStanding.Fit => new ProbeVerdict.Fit($"{subject}: {Reason}"),
        _ => new ProbeVerdict.Unknown($"{subject}: {Reason}"),
    };

    /// <summary>Several comparisons of one thing as one: the slowest part counts; fit are all parts or none.</summary>
    public static ProbeVerdict Together(string subject, ImmutableArray<FigureComparison> parts)
    {
        FigureComparison worst = parts[0];
        foreach (FigureComparison part in parts)
        {
            if (Weight(part) > Weight(worst) || (part.Standing == worst.Standing && part.LogFactor > worst.LogFactor))
            {
                worst = part;
            }
        }

        return worst.Standing == FigureStanding.Fit
            ? new ProbeVerdict.Fit($"{subject}: {string.Join("; ", parts.Select(part => part.Reason))}")
            : worst.ToVerdict(subject);

        static int Weight(FigureComparison part) => part.Standing switch { FigureStanding.Slow => 2, FigureStanding.Unknown => 1, _ => 0 };
    }

    private static FigureComparison Compare(
        ProbedPart part, ProbeFigure own, ProbeFigure reference, double between, string whose, ProbeJudgeOptions options)
    {
        // Time is what counts: a rate of half is a factor of two, as a latency of twice is.
        double logFactor = Math.Log(part == ProbedPart.LinkLatency ? own.Median / reference.Median : reference.Median / own.Median);
        double sigma = Math.Sqrt(
            (own.RelativeSpread * own.RelativeSpread) + (reference.RelativeSpread * reference.RelativeSpread) + (between * between));
        double threshold = Math.Max(Math.Log(1 + options.EffectMin), options.SpreadSigmas * sigma);
        string numbers = Invariant($"{Name(part)} {own.Median:0.###} {Unit(part)}, {whose} is {reference.Median:0.###} {Unit(part)}");
        string judged = Invariant($"{numbers}: {Math.Exp(logFactor):0.00} times as long, slow from {Math.Exp(threshold):0.00}× on");
        return logFactor > threshold ? new(part, FigureStanding.Slow, logFactor, threshold, judged)
            : threshold <= Math.Log(1 + options.OverlookedMax) ? new(part, FigureStanding.Fit, logFactor, threshold, judged)
            : new(part, FigureStanding.Unknown, logFactor, threshold, Invariant(
                $"{numbers}, but repeats and peers spread by {sigma:P0}: slowness below {Math.Exp(threshold):0.00}× would go unseen"));
    }

    private static string Name(ProbedPart part) => part switch
    {
        ProbedPart.Compute => "matrix products at",
        ProbedPart.Memory => "memory at",
        ProbedPart.LinkLatency => "latency",
        ProbedPart.LinkBandwidth => "bandwidth",
        _ => throw new ArgumentOutOfRangeException(nameof(part), part, "No such part."),
    };

    private static string Unit(ProbedPart part) => part switch
    {
        ProbedPart.Compute => "GFLOP/s",
        ProbedPart.LinkLatency => "µs",
        _ => "GB/s",
    };
}
