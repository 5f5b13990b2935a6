using System.Globalization;
using StragglerGuard.Core.Attribution;

namespace StragglerGuard.Core.Detection;

/// <summary>Turns the detectors' numbers into words. Allocates: for the few steps that have something to say.</summary>
public static class VerdictWriter
{
    private const int PeersNamedMax = 32;

    /// <summary>The finding behind a <see cref="DetectionEventKind.StragglerConfirmed"/> or a
    /// <see cref="DetectionEventKind.FindingRaised"/>.</summary>
    /// <param name="detectionEvent">The event.</param>
    /// <param name="detector">The detector that raised it: knows where ranks sit and who their peers are.</param>
    /// <exception cref="ArgumentException">The event is the end of something, or a change.</exception>
    public static Verdict Write(in DetectionEvent detectionEvent, JobDetector detector)
    {
        ArgumentNullException.ThrowIfNull(detector);
        RankCohort cohort = detectionEvent.Rank is { } rank ? detector.CohortOf(rank) : default;
        Verdict verdict = Write(in detectionEvent, cohort);
        Culprit culprit = detectionEvent.Rank is { } accused ? detector.CulpritOf(accused)
            : detectionEvent.Verdict == VerdictKind.StageImbalance ? new Culprit(Stage: detectionEvent.Stage)
            : default;
        return verdict with
        {
            Culprit = culprit,
            Evidence = verdict.Evidence with { Peers = PeersOf(in detectionEvent, detector) },
        };
    }

    /// <summary>The same where only the rank's cohort is known: without culprit and peers.</summary>
    /// <param name="detectionEvent">The event.</param>
    /// <param name="cohort">What the rank is comparable within (<see cref="JobDetector.CohortOf"/>).</param>
    /// <exception cref="ArgumentException">The event is the end of something, or a change.</exception>
    public static Verdict Write(in DetectionEvent detectionEvent, RankCohort cohort)
    {
        if (detectionEvent.Kind is not (DetectionEventKind.StragglerConfirmed or DetectionEventKind.FindingRaised))
        {
            throw new ArgumentException($"{detectionEvent.Kind} is no verdict.", nameof(detectionEvent));
        }

        return new Verdict(
            detectionEvent.Rank,
            detectionEvent.Verdict,
            detectionEvent.OnsetStep,
            detectionEvent.RaisedAtStep,
            detectionEvent.Slowdown,
            detectionEvent.Cause,
            Describe(in detectionEvent, cohort))
        {
            Confidence = detectionEvent.Confidence,
            Evidence = new VerdictEvidence(
                detectionEvent.Residual, detectionEvent.OwnShift, detectionEvent.Sigma, detectionEvent.Threshold,
                detectionEvent.RanksCompared),
        };
    }

    /// <summary>Any event as one sentence in plain English with the numbers that it rests on.</summary>
    /// <param name="detectionEvent">The event.</param>
    /// <param name="cohort">What its rank is comparable within; not used where the event names no rank.</param>
    public static string Describe(in DetectionEvent detectionEvent, RankCohort cohort) => detectionEvent.Kind switch
    {
        DetectionEventKind.StragglerConfirmed => DescribeConfirmed(in detectionEvent, cohort),
        DetectionEventKind.StragglerRecovered => Invariant(
            $"{detectionEvent.Rank} is back to {detectionEvent.Slowdown:0.00}× the time per unit of work of {Yardstick(in detectionEvent, cohort)}: the slowness since step {detectionEvent.OnsetStep} ended, certain at step {detectionEvent.RaisedAtStep}"),
        DetectionEventKind.JobLevelChanged => Invariant(
            $"the job went to {detectionEvent.Slowdown:0.00}× its time per unit of work from step {detectionEvent.ChangedAtStep}, certain at step {detectionEvent.RaisedAtStep}: the least that counts is {100 * (Math.Exp(detectionEvent.Threshold) - 1):0.0} %, noise σ {100 * detectionEvent.Sigma:0.0} %"),
        DetectionEventKind.FindingRaised => DescribeRaised(in detectionEvent, cohort),
        DetectionEventKind.FindingCleared => Invariant(
            $"{Subject(in detectionEvent)}: {NameOf(detectionEvent.Verdict)} since step {detectionEvent.OnsetStep} is over from step {detectionEvent.ChangedAtStep}, certain at step {detectionEvent.RaisedAtStep}"),
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
        string what = e.Cause == Cause.Input ? "compute and wait for input per unit of work" : "time per unit of work";
        string own = double.IsNaN(e.OwnShift) ? string.Empty : Invariant($", {Math.Exp(e.OwnShift):0.00}× its own history");
        return Invariant(
            $"{e.Rank} takes {e.Slowdown:0.00}× the {what} of {Yardstick(in e, cohort)}{own}, {since}; the least that counts is {Math.Exp(e.Threshold):0.00}×, noise σ {100 * e.Sigma:0.0} %{Why(e.Cause)}");
    }

    private static string Why(Cause cause) => cause switch
    {
        Cause.Input => "; most of it is wait for input",
        Cause.Host => "; the other ranks of its node are slow with it",
        Cause.Workload => "; it was given more work, which explains most of it",
        Cause.Throttling => "; its device runs at a reduced clock",
        _ => string.Empty,
    };

    private static string DescribeRaised(in DetectionEvent e, RankCohort cohort) => e.Verdict switch
    {
        VerdictKind.Creep => Invariant(
            $"{e.Rank} creeps: over {CreepWatch.MeanSteps} steps {e.Slowdown:0.000}× the time per unit of work that it had at the start, against {Yardstick(in e, cohort)}, since about step {e.OnsetStep}; reported, not acted upon"),
        VerdictKind.Jitter => Invariant(
            $"{Subject(in e)}: {e.Spikes} of the last 128 steps took {e.Slowdown:0.00}× the usual time on average, without a rhythm, since step {e.OnsetStep}"),
        VerdictKind.PeriodicStall => Invariant(
            $"{Subject(in e)}: every {e.PeriodSteps} steps one takes {e.Slowdown:0.00}× the usual time, since step {e.OnsetStep}; garbage collection, checkpoints or a loader keep such a rhythm"),
        VerdictKind.GroupSlowdown => Invariant(
            $"the whole job takes {e.Slowdown:0.00}× the time per unit of work that it had, since step {e.OnsetStep}: the cause is common and no rank is accused"),
        VerdictKind.FabricSlowdown => Invariant(
            $"the first collective itself takes {e.Slowdown:0.00}× as long as before among {e.RanksCompared} ranks, since step {e.OnsetStep}, and no rank is slow: the fabric; noise σ {100 * e.Sigma:0.0} %"),
        VerdictKind.StageImbalance => Invariant(
            $"stage {e.Stage} takes {e.Slowdown:0.00}× the time per unit of work of the {e.RanksCompared} other stages (median) on the same device class: the stages are cut unevenly"),
        VerdictKind.MissingRank => Invariant(
            $"no record came of {e.Rank} for {PresenceMonitor.MissingFrames} steps, the first of them step {e.OnsetStep}, while those of others did"),
        VerdictKind.Hang => Invariant(
            $"{Subject(in e)}: no progress beyond step {e.OnsetStep - 1} for {e.SilentNs * 1e-9:0.0} s, longer than its own deadline"),
        VerdictKind.ObserverUnwell => Invariant(
            $"the observer itself was away for {e.SilentNs * 1e-9:0.0} s around step {e.OnsetStep}: what fell due meanwhile accuses nobody"),
        _ => DescribeConfirmed(in e, cohort),
    };

    private static string Subject(in DetectionEvent e) => e.Rank is { } rank ? rank.ToString() : "the whole job";

    private static string NameOf(VerdictKind kind) => kind switch
    {
        VerdictKind.Creep => "the creep",
        VerdictKind.Jitter => "the jitter",
        VerdictKind.PeriodicStall => "the periodic stall",
        VerdictKind.FabricSlowdown => "the slow fabric",
        VerdictKind.StageImbalance => "the uneven stage",
        VerdictKind.MissingRank => "the absence",
        VerdictKind.Hang => "the hang",
        VerdictKind.ObserverUnwell => "the observer's absence",
        _ => "the slowness",
    };

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

    private static List<Rank>? PeersOf(in DetectionEvent e, JobDetector detector)
    {
        if (e.Mode != DetectionMode.Peers || e.Rank is not { } accused)
        {
            return null;
        }

        RankCohort cohort = detector.CohortOf(accused);
        var peers = new List<Rank>();
        for (int rank = 0; rank < detector.Ranks && peers.Count < PeersNamedMax; rank++)
        {
            if (rank != accused.Value && detector.CohortOf(new Rank(rank)) == cohort)
            {
                peers.Add(new Rank(rank));
            }
        }

        return peers;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
