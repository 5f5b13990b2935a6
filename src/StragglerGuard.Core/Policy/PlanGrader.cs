using System.Globalization;

namespace StragglerGuard.Core.Policy;

/// <summary>Measures what a plan has won, against what was predicted: a fold over frames, one caller at a time.</summary>
/// <remarks>
/// <para>What counts is seconds per unit of work that entered the update, so work that was dropped is no gain. Each frame gives
/// x = (seconds ÷ work) ÷ reckoned, where reckoned is what the plan from before would have taken for that very frame; the gain is 1 − x̄(after) ÷ x̄(before).
/// A change that meets all plans alike, longer sequences say, changes both sides of x and cancels. The frames before the switch show by how much the
/// reckoning is off (what it leaves out, a transfer that it does not know); without them it is taken at its word.</para>
/// <para>Where too few frames could be reckoned, x = seconds ÷ work: before against after. Then only frames since the onset of what the plan answers
/// are compared, since a job that was faster before its straggler came is no measure of the plan.</para>
/// <para>x̄ is the median, σ = 1.4826·MAD, at least 0.2 %. For a deadline and backup workers x̄ is the mean and σ the standard deviation: what these win
/// lies in rare long steps, which a median does not see; so they are graded on more frames.</para>
/// <para>A plan is slower if its gain is below 0 (or below a predicted loss) by <see cref="MitigationOptions.GradeSigmas"/> standard errors, looked at in each
/// frame from <see cref="MitigationOptions.GradeFramesMin"/> on with <see cref="EarlySigmas"/> more, since many looks find more. The other verdicts wait for
/// all frames, and where the noise leaves open whether the plan wins at all, for twice and <see cref="FramesTimesMax"/> times as many. If it is open even
/// then, the measured gain counts as it is: the burden of proof is the plan's. Feeding allocates nothing.</para>
/// </remarks>
public sealed class PlanGrader
{
    /// <summary>Standard errors asked for in addition before all frames are in.</summary>
    public const double EarlySigmas = 1.5;

    /// <summary>A grade is given, or given up, after this many times the frames that it asks for.</summary>
    public const int FramesTimesMax = 4;

    private readonly MitigationOptions _options;
    private readonly GradingSample _sample;
    private readonly GradingFrame[] _before;
    private readonly GradingFrame[] _after;
    private Plan? _plan;
    private int _beforeCount;
    private int _afterCount;
    private int _framesSince;
    private long _lastStep = long.MinValue;

    /// <summary>Begins without evidence.</summary>
    /// <param name="options">Thresholds.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    /// <exception cref="ArgumentException">An option is out of its range; the message names every such option.</exception>
    public PlanGrader(MitigationOptions options)
    {
        MitigationOptions.ThrowIfFaulty(options);
        _options = options;
        _before = new GradingFrame[options.TailGradeFrames * FramesTimesMax];
        _after = new GradingFrame[options.TailGradeFrames * FramesTimesMax];
        _sample = new GradingSample(options.TailGradeFrames * FramesTimesMax);
    }

    /// <summary>The plan whose grade is pending, or null.</summary>
    public PlanEpoch? Grading => _plan?.Epoch;

    /// <summary>A plan comes into force.</summary>
    /// <param name="epoch">The plan.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="predictedGain">1 − predicted/former seconds per unit of work: below 1.</param>
    /// <param name="fromStep">The first step under it. Frames from it on that were taken before this call are left out.</param>
    /// <param name="onsetStep">The first step at which what it answers was there.</param>
    /// <returns>The grade of a plan whose grade was pending: unknown, as it was superseded. Else null.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The kind is <see cref="MitigationKind.None"/>, or the gain is not a number below 1.</exception>
    public PlanGrade? Begin(PlanEpoch epoch, MitigationKind kind, double predictedGain, long fromStep, long onsetStep)
    {
        ArgumentOutOfRangeException.ThrowIfEqual(kind, MitigationKind.None);
        if (!(predictedGain < 1 && double.IsFinite(predictedGain)))
        {
            throw new ArgumentOutOfRangeException(nameof(predictedGain), predictedGain, "Not a number below 1.");
        }

        var superseded = _plan is { } old ? Unknown(old, _afterCount, $"the plan of {epoch} took its place") : null;
        EndGrading();
        while (_beforeCount > 0 && _before[_beforeCount - 1].Step >= fromStep)
        {
            _beforeCount--;
        }

        _plan = new Plan(epoch, kind, predictedGain, fromStep, onsetStep);
        return superseded;
    }

    /// <summary>Gives a pending grade up, and forgets all frames: another generation's steps say nothing about this one's.</summary>
    public void Forget()
    {
        _plan = null;
        _beforeCount = 0;
        _afterCount = 0;
        _framesSince = 0;
        _lastStep = long.MinValue;
    }

    /// <summary>Takes one step.</summary>
    /// <param name="frame">Newer than every step before; a late one is left out.</param>
    /// <returns>The grade, once, with the frame that decides it; else null.</returns>
    public PlanGrade? Observe(in GradingFrame frame)
    {
        if (frame.Step <= _lastStep)
        {
            return null;
        }

        _lastStep = frame.Step;
        if (_plan is not { } plan || frame.Step < plan.FromStep)
        {
            if (IsEvidence(frame))
            {
                Remember(frame);
            }

            return null;
        }

        _framesSince++;
        if (_framesSince <= _options.SettleFrames)
        {
            return null;
        }

        if (IsEvidence(frame))
        {
            _after[_afterCount++] = frame;
        }

        var wanted = FramesOf(plan);
        var isLast = _framesSince - _options.SettleFrames >= FramesTimesMax * wanted;
        var grade = isLast && _afterCount < wanted
            ? Unknown(plan, _afterCount, $"only {_afterCount} of {_framesSince} frames since the switch were complete")
            : isLast || (IsEvidence(frame) && _afterCount >= _options.GradeFramesMin) ? Grade(plan, wanted, isLast)
            : null;
        if (grade is not null)
        {
            EndGrading();
        }

        return grade;
    }

    private PlanGrade? Grade(Plan plan, int wanted, bool isLast)
    {
        var isComplete = isLast || _afterCount == wanted || _afterCount == 2 * wanted;
        var isMean = IsOfTails(plan.Kind);
        var onSameFrames = Paired(plan, isMean);
        var paired = onSameFrames is not null;
        if ((onSameFrames ?? BeforeAfter(plan, isMean)) is not { } measured)
        {
            return isComplete
                ? Unknown(plan, _afterCount, $"there are fewer than {_options.GradeFramesMin} frames to compare with: neither reckoned nor since the onset")
                : null;
        }

        // A look that decides nothing must not allocate: the words come last.
        var (realised, error) = measured;
        var sigmas = _options.GradeSigmas + (isComplete ? 0 : EarlySigmas);
        var limit = Math.Min(0, plan.PredictedGain);
        if (realised + (sigmas * error) < limit)
        {
            return Graded(plan, measured, paired, GradeVerdict.Slower, true, $"slower by more than {sigmas:G3} standard errors, so it is rolled back");
        }

        if (!isComplete)
        {
            return null;
        }

        var asked = _options.RealisedShare * plan.PredictedGain;
        if (plan.PredictedGain <= 0 || (realised >= asked && (isLast || realised - (sigmas * error) > limit)))
        {
            return Graded(plan, measured, paired, GradeVerdict.Holds, false, $"it stays");
        }

        if (realised + (sigmas * error) >= asked && !isLast)
        {
            return null;
        }

        // What wins is not undone for having been promised to win more.
        var proven = isLast ? realised : realised - (sigmas * error);
        return proven > _options.MinGain
            ? Graded(plan, measured, paired, GradeVerdict.FallsShort, false, $"less than {_options.RealisedShare:P0} of what was predicted, but a gain: it stays, and its kind rests")
            : Graded(plan, measured, paired, GradeVerdict.FallsShort, true, $"less than {_options.RealisedShare:P0} of what was predicted, so it is rolled back");
    }

    private PlanGrade Graded(
        Plan plan, (double Gain, double Error) measured, bool paired, GradeVerdict verdict, bool isRolledBack, FormattableString why)
    {
        var how = paired ? "against the former plan reckoned on the same frames" : "before against after";
        var numbers = Say($"{MitigationWords.Of(plan.Kind)} of {plan.Epoch}: {measured.Gain:P1} ± {measured.Error:P1} realised over {_afterCount} frames, {plan.PredictedGain:P1} predicted ({how}); ");
        return new PlanGrade(
            plan.Epoch, plan.Kind, plan.PredictedGain, measured.Gain, measured.Error, _afterCount, verdict, isRolledBack, numbers + Say(why));
    }

    /// <summary>Against the former plan on the same frames. Null with too few reckoned frames.</summary>
    private (double Gain, double Error)? Paired(Plan plan, bool isMean)
    {
        _sample.Clear();
        foreach (ref readonly var frame in _after.AsSpan(0, _afterCount))
        {
            Add(frame, plan, frame.ReckonedSecondsPerUnit);
        }

        // A mixture of reckoned and other frames would compare the one kind's steps with the other's.
        if (_sample.Count < _options.GradeFramesMin || 2 * _sample.Count <= _afterCount)
        {
            return null;
        }

        var after = _sample.Locate(isMean);
        _sample.Clear();
        foreach (ref readonly var frame in LatestBefore(plan))
        {
            Add(frame, plan, frame.ReckonedSecondsPerUnit);
        }

        return Compare(_sample.Count >= _options.GradeFramesMin ? _sample.Locate(isMean) : (1, 0), after);
    }

    /// <summary>The frames since the onset against those since the switch. Null with too few.</summary>
    private (double Gain, double Error)? BeforeAfter(Plan plan, bool isMean)
    {
        _sample.Clear();
        foreach (ref readonly var frame in LatestBefore(plan))
        {
            if (frame.Step >= plan.OnsetStep)
            {
                Add(frame, plan, 1);
            }
        }

        if (_sample.Count < _options.GradeFramesMin)
        {
            return null;
        }

        var before = _sample.Locate(isMean);
        _sample.Clear();
        foreach (ref readonly var frame in _after.AsSpan(0, _afterCount))
        {
            Add(frame, plan, 1);
        }

        return _sample.Count < _options.GradeFramesMin ? null : Compare(before, _sample.Locate(isMean));
    }

    /// <summary>As many frames as the grade takes at most. Older ones may tell of another job.</summary>
    private ReadOnlySpan<GradingFrame> LatestBefore(Plan plan)
    {
        var count = Math.Min(_beforeCount, FramesTimesMax * FramesOf(plan));
        return _before.AsSpan(_beforeCount - count, count);
    }

    private int FramesOf(Plan plan) => IsOfTails(plan.Kind) ? _options.TailGradeFrames : _options.GradeFrames;

    private void Add(in GradingFrame frame, Plan plan, double reckoned)
    {
        // A step that did no work has no time per unit; only where the mean counts can it be added up.
        if (double.IsFinite(reckoned) && reckoned > 0 && (frame.WorkUnits > 0 || IsOfTails(plan.Kind)))
        {
            _sample.Add(frame.Seconds, reckoned * frame.WorkUnits);
        }
    }

    /// <summary>Null where no work was done before: nothing can be said about a plan by steps that got nowhere.</summary>
    private static (double Gain, double Error)? Compare((double Value, double Error) before, (double Value, double Error) after)
    {
        if (!double.IsFinite(before.Value))
        {
            return null;
        }

        if (!double.IsFinite(after.Value))
        {
            return (double.NegativeInfinity, 0);
        }

        var ratio = after.Value / before.Value;
        return (1 - ratio, ratio * Math.Sqrt((before.Error * before.Error) + (after.Error * after.Error)));
    }

    private void EndGrading()
    {
        if (_plan is null)
        {
            return;
        }

        // They are the next plan's "before". Their reckoning was of the plan before this one.
        _beforeCount = 0;
        foreach (ref readonly var frame in _after.AsSpan(0, _afterCount))
        {
            Remember(frame with { ReckonedSecondsPerUnit = double.NaN });
        }

        _plan = null;
        _afterCount = 0;
        _framesSince = 0;
    }

    private void Remember(in GradingFrame frame)
    {
        if (_beforeCount == _before.Length)
        {
            _before.AsSpan(1).CopyTo(_before);
            _beforeCount--;
        }

        _before[_beforeCount++] = frame;
    }

    private static bool IsEvidence(in GradingFrame frame) =>
        frame.Seconds > 0 && double.IsFinite(frame.Seconds) && frame.WorkUnits >= 0 && double.IsFinite(frame.WorkUnits);

    private static bool IsOfTails(MitigationKind kind) => kind is MitigationKind.Deadline or MitigationKind.Backup;

    private static PlanGrade Unknown(Plan plan, int frames, FormattableString why) => new(
        plan.Epoch, plan.Kind, plan.PredictedGain, double.NaN, double.NaN, frames, GradeVerdict.Unknown, false,
        Say($"{MitigationWords.Of(plan.Kind)} of {plan.Epoch} can't be graded: ") + Say(why));

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed record Plan(PlanEpoch Epoch, MitigationKind Kind, double PredictedGain, long FromStep, long OnsetStep);
}
