using System.Globalization;

namespace StragglerGuard.Core.Planning;

/// <summary>What a job's steps looked like, to choose a deadline by. Frames are complete: a step in which a rank is unknown is left out.</summary>
public sealed record DeadlineEvidence
{
    /// <summary>Ranks that accumulate micro-batches, R.</summary>
    /// <value>1 or more.</value>
    public required int Ranks { get; init; }

    /// <summary>How long every rank's own work of a step took, a step a row.</summary>
    /// <value>Frames × R entries, seconds, finite, 0 or more.</value>
    public required ReadOnlyMemory<double> StepSeconds { get; init; }

    /// <summary>Micro-batches that each of those times was for, done to the end.</summary>
    /// <value>Frames × R entries, 0 or more.</value>
    public required ReadOnlyMemory<int> MicroBatches { get; init; }

    /// <summary>What a step takes beyond the slowest rank's own work, c: transfer, optimiser.</summary>
    /// <value>Seconds, finite, 0 or more.</value>
    public required double CommonSeconds { get; init; }
}

/// <summary>Whether ranks should stop accumulating at a deadline, and at which.</summary>
/// <param name="Accepted">Whether it is worth it.</param>
/// <param name="DeadlineNs">Own compute time from the step's start, after which a rank starts no further micro-batch, ns; 0 where not accepted.</param>
/// <param name="ExpectedGain">
/// Micro-batches per second with the best admissible deadline over those without; null where it could not be judged, 1 where none is admissible.
/// </param>
/// <param name="DroppedShare">Share of the work that is dropped by it and done later, 0 … 1; 0 where there is no such deadline.</param>
/// <param name="PredictedStepSeconds">A step's mean time with it, common part included, s; null where it could not be judged.</param>
/// <param name="Reason">Why, for a person.</param>
public sealed record DeadlineDecision(
    bool Accepted, long DeadlineNs, double? ExpectedGain, double DroppedShare, double? PredictedStepSeconds, string Reason);

/// <summary>Chooses the deadline after which a rank stops accumulating, from the measured distribution.</summary>
/// <remarks>
/// <para>Giladi, Gottlieb, Koren, Moyal, Soudry, <i>DropCompute: simple and more robust distributed synchronous training via compute variance
/// reduction</i> (2023). A rank stops at the first end of a micro-batch at or after τ, having done one at least; it enters the reduction with what it did. What it
/// dropped is done in a later step, so what counts is micro-batches done per second: E[Σ done] ÷ (E[max time] + c), over the recorded steps, no
/// distribution assumed. A rank's micro-batches of one step are taken to be of equal length.</para>
/// <para>Exact: between two neighbouring ends of micro-batches, of all ranks in all frames, nothing depends on τ, so a sweep over the sorted ends
/// sees all there is. Of equally good deadlines the latest is taken, and of its interval the middle, so that neither side is nearer than need be.</para>
/// <para>A rank that loses work in more than <see cref="PersistentFrameShare"/> of the frames is slow, not late by chance. It may lose
/// <see cref="PersistentDropMax"/> of its work and no more: beyond that it is dealt less work instead, which loses nobody's gradient. Deadlines that cut
/// it further are not admissible. A gain must also show on the first and on the second half of the frames, each by itself: the best of
/// thousands of deadlines looks good by luck.</para>
/// </remarks>
public static class DeadlinePlanner
{
    /// <summary>Fewest frames that a distribution is believed on.</summary>
    public const int FramesMin = 32;

    /// <summary>How far the gain must exceed 1.</summary>
    public const double Margin = 0.02;

    /// <summary>A rank that loses work in more than this share of the frames always loses.</summary>
    public const double PersistentFrameShare = 0.5;

    /// <summary>The share of its work that a rank may lose that always loses.</summary>
    public const double PersistentDropMax = 0.02;

    /// <summary>Decides. O(n log n) for n micro-batches in the evidence.</summary>
    /// <param name="evidence">The measured steps.</param>
    /// <exception cref="ArgumentNullException"><paramref name="evidence"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    /// <exception cref="ArgumentException">
    /// The lists are not a whole number of frames, differ in length, or an entry is negative or not finite.
    /// </exception>
    public static DeadlineDecision Decide(DeadlineEvidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        ThrowIfMalformed(evidence);
        int frames = evidence.StepSeconds.Length / evidence.Ranks;
        if (frames < FramesMin)
        {
            return Unjudged(Say($"{frames} complete frames are too few to choose a deadline by; {FramesMin} are needed"));
        }

        DeadlineRate without = DeadlineSweep.Rate(evidence, double.PositiveInfinity, 0, frames);
        if (!(without.UnitsPerSecond > 0 && double.IsFinite(without.UnitsPerSecond)))
        {
            return Unjudged("the recorded steps do no work or take no time");
        }

        DeadlineSweep.Found found = DeadlineSweep.Best(evidence);
        if (!double.IsFinite(found.DeadlineSeconds))
        {
            string slow = found.PersistentRank < 0
                ? "no deadline does more work per second than waiting for all"
                : Say($"every deadline that wins cuts more than {PersistentDropMax:P0} of the work of rank {found.PersistentRank}, which is slow in most steps: it is dealt less work instead");
            return new DeadlineDecision(false, 0, 1, 0, without.StepSeconds, slow);
        }

        long deadlineNs = Math.Max(1, (long)Math.Round(found.DeadlineSeconds * 1e9));
        DeadlineRate with = DeadlineSweep.Rate(evidence, deadlineNs * 1e-9, 0, frames);
        double gain = with.UnitsPerSecond / without.UnitsPerSecond;
        double dropped = 1 - (with.Units / without.Units);
        string numbers = Say($"stopping after {deadlineNs * 1e-9:G4} s does {1 - dropped:P1} of the work in steps of {with.StepSeconds:G4} s instead of {without.StepSeconds:G4} s: {gain:0.000} of the micro-batches per second");
        DeadlineDecision Decline(string why) => new(false, 0, gain, dropped, with.StepSeconds, numbers + why);
        if (gain <= 1 + Margin)
        {
            string rank = found.PersistentRank < 0
                ? ""
                : Say($"; earlier ones would cut more than {PersistentDropMax:P0} of the work of rank {found.PersistentRank}, which is slow in most steps: it is dealt less work instead");
            return Decline(Say($", and {1 + Margin:0.00} is asked for{rank}"));
        }

        foreach ((int first, int end, string half) in new[] { (0, frames / 2, "first"), (frames / 2, frames, "second") })
        {
            double halfGain = DeadlineSweep.Rate(evidence, deadlineNs * 1e-9, first, end).UnitsPerSecond
                / DeadlineSweep.Rate(evidence, double.PositiveInfinity, first, end).UnitsPerSecond;
            if (!(halfGain > 1 + (Margin / 2)))
            {
                return Decline(Say($", but {halfGain:0.000} on the {half} half of the {frames} frames"));
            }
        }

        return new DeadlineDecision(true, deadlineNs, gain, dropped, with.StepSeconds, Say($"{numbers}, over {frames} frames"));
    }

    private static DeadlineDecision Unjudged(string why) => new(false, 0, null, 0, null, why);

    private static void ThrowIfMalformed(DeadlineEvidence evidence)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(evidence.Ranks, 1, nameof(evidence));
        if (!double.IsFinite(evidence.CommonSeconds) || evidence.CommonSeconds < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(evidence), evidence.CommonSeconds, "The common part is finite and 0 or more.");
        }

        if (evidence.StepSeconds.Length % evidence.Ranks != 0 || evidence.MicroBatches.Length != evidence.StepSeconds.Length)
        {
            throw new ArgumentException(
                Say($"{evidence.StepSeconds.Length} times and {evidence.MicroBatches.Length} counts are no whole number of frames of {evidence.Ranks}."), nameof(evidence));
        }

        for (int i = 0; i < evidence.StepSeconds.Length; i++)
        {
            double seconds = evidence.StepSeconds.Span[i];
            int units = evidence.MicroBatches.Span[i];
            if (!double.IsFinite(seconds) || seconds < 0 || units < 0)
            {
                throw new ArgumentException(Say($"A step of {seconds} s and {units} micro-batches."), nameof(evidence));
            }
        }
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
