using System.Globalization;

namespace StragglerGuard.Core.Detection;

/// <summary>Turns the detector's numbers into words. Allocates: for the few steps that have something to say.</summary>
public static class VerdictWriter
{
    // The own shift explains the residual when it makes up this share of it: else the peers moved, and the rank did not.
    private const double ExplainedShare = 0.5;

    /// <summary>The finding behind a <see cref="DetectionEventKind.StragglerConfirmed"/>.</summary>
    /// <param name="detectionEvent">The event.</param>
    /// <param name="cohort">What the rank is comparable within (<see cref="SlownessDetector.CohortOf"/>).</param>
    /// <exception cref="ArgumentException">The event confirms no straggler.</exception>
    public static Verdict Write(in DetectionEvent detectionEvent, RankCohort cohort)
    {
        if (detectionEvent is not { Kind: DetectionEventKind.StragglerConfirmed, Rank: Rank rank })
        {
            throw new ArgumentException($"{detectionEvent.Kind} is no verdict.", nameof(detectionEvent));
        }

        return new Verdict(
            rank,
            detectionEvent.Verdict,
            detectionEvent.OnsetStep,
            detectionEvent.RaisedAtStep,
            detectionEvent.Slowdown,
            CauseOf(in detectionEvent),
            Describe(in detectionEvent, cohort));
    }

    /// <summary>Any event as one sentence in plain English with the numbers that it rests on.</summary>
    /// <param name="detectionEvent">The event.</param>
    /// <param name="cohort">What its rank is comparable within; not used for a common shift.</param>
    public static string Describe(in DetectionEvent detectionEvent, RankCohort cohort) => detectionEvent.Kind switch
    {
        DetectionEventKind.StragglerConfirmed => DescribeConfirmed(in detectionEvent, cohort),
        DetectionEventKind.StragglerRecovered => Invariant(
            $"{detectionEvent.Rank} is back to {detectionEvent.Slowdown:0.00}× the time per unit of work of {Yardstick(in detectionEvent, cohort)}: the slowness since step {detectionEvent.OnsetStep} ended, certain at step {detectionEvent.RaisedAtStep}"),
        _ => Invariant(
            $"{detectionEvent.RanksShifted} of {detectionEvent.RanksCompared} judged ranks went to {detectionEvent.Slowdown:0.00}× their time per unit of work together from step {detectionEvent.OnsetStep}: the cause is common and no rank is accused"),
    };

    private static string DescribeConfirmed(in DetectionEvent e, RankCohort cohort)
    {
        string since = e.Verdict switch
        {
            VerdictKind.PersistentSlowness => Invariant($"since step {e.OnsetStep}"),
            VerdictKind.SlowFromStart => "from its first step",
            _ => Invariant($"for as long as its history reaches, step {e.OnsetStep}"),
        };
        string own = double.IsNaN(e.OwnShift) ? string.Empty : Invariant($", {Math.Exp(e.OwnShift):0.00}× its own history");
        return Invariant(
            $"{e.Rank} takes {e.Slowdown:0.00}× the time per unit of work of {Yardstick(in e, cohort)}{own}, {since}; the least that counts is {Math.Exp(e.Threshold):0.00}×, noise σ {100 * e.Sigma:0.0} %");
    }

    private static string Yardstick(in DetectionEvent e, RankCohort cohort)
    {
        if (e.Mode == DetectionMode.Peers)
        {
            return Invariant($"its {e.RanksCompared} {cohort} peers (median)");
        }

        return e.RanksCompared == 0
            ? "its own history"
            : Invariant($"its own history less what is common to the {e.RanksCompared} other judged {(e.RanksCompared == 1 ? "rank" : "ranks")}");
    }

    private static Cause CauseOf(in DetectionEvent e) =>
        double.IsNaN(e.OwnShift) || e.OwnShift >= ExplainedShare * e.Residual ? Cause.Compute : Cause.Unknown;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
