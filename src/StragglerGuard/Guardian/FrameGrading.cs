using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Guardian;

/// <summary>Feeds the grader: what every step took, and what the plan from before would have made of the same step.</summary>
/// <remarks>
/// A step's duration is known with the next frame. What it took beyond its longest own work, such as a slow link's transfer, it would have taken under
/// the former plan, too: so that very step's rest is reckoned with, not the last steps' median, and what befalls all plans alike cancels.
/// </remarks>
internal sealed class FrameGrading(MitigationOptions thresholds, int members)
{
    private readonly PlanGrader _grader = new(thresholds);
    private readonly double[] _secondsPerUnit = new double[members];
    private readonly double[] _scratch = new double[members];
    private JobPlan? _taken;
    private JobPlan? _former;
    private long _step;
    private double _work;
    private double _longestSeconds;
    private double _formerSecondsPerUnit = double.NaN;
    private (MitigationKind Kind, double Gain) _promise;

    /// <summary>The plan that is being graded; null where none is.</summary>
    public PlanEpoch? Grading => _grader.Grading;

    /// <summary>What a micro-batch took each member in the last frame, s; NaN where unknown.</summary>
    public ReadOnlySpan<double> SecondsPerUnit => _secondsPerUnit;

    /// <summary>A plan is seen in force: from here on it is graded.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="kind">What it is for.</param>
    /// <param name="predictedRatio">Samples per second that were promised over those before.</param>
    /// <param name="former">The one before, of the same generation; null where this one began the generation.</param>
    /// <param name="formerSecondsPerUnit">What a micro-batch took the job in the generation before, s; NaN within one generation.</param>
    /// <param name="fromStep">The first step under it.</param>
    /// <param name="onsetStep">The first step at which what it answers was there.</param>
    /// <returns>The grade of a plan that was still being graded: unknown.</returns>
    public PlanGrade? Begin(
        JobPlan plan, MitigationKind kind, double predictedRatio, JobPlan? former, double formerSecondsPerUnit, long fromStep, long onsetStep)
    {
        _former = former;
        _formerSecondsPerUnit = formerSecondsPerUnit;
        double gain = predictedRatio > 0 && double.IsFinite(predictedRatio) ? 1 - (1 / predictedRatio) : 0;
        _promise = (kind, gain);
        return _grader.Begin(plan.Epoch, kind, gain, fromStep, onsetStep);
    }

    /// <summary>The job is another than the one that the plan was made for: neither what it keeps nor what it loses is the plan's doing.</summary>
    /// <param name="why">In words.</param>
    /// <returns>The grade of the plan that was being graded, unknown; null where none was.</returns>
    public PlanGrade? GiveUp(string why)
    {
        if (_grader.Grading is not { } epoch)
        {
            return null;
        }

        Forget();
        return new PlanGrade(
            epoch, _promise.Kind, _promise.Gain, double.NaN, double.NaN, 0, GradeVerdict.Unknown, IsRolledBack: false,
            $"{_promise.Kind.ToString().ToLowerInvariant()} of {epoch} can't be graded: {why}");
    }

    /// <summary>A plan is seen in force that is not graded: the frames before it say nothing about the ones to come.</summary>
    public void Forget()
    {
        _grader.Forget();
        _former = null;
        _formerSecondsPerUnit = double.NaN;
    }

    /// <summary>Takes a frame; how long its step took is known with the next one.</summary>
    /// <param name="frame">The step.</param>
    /// <param name="view">Whose its ranks are.</param>
    /// <param name="plan">The plan that it was taken under.</param>
    public void Take(StepFrame frame, MemberView view, JobPlan plan)
    {
        view.SecondsPerUnitOf(frame, _secondsPerUnit);
        _taken = plan;
        _step = frame.Step;
        bool isWhole = plan is { DeadlineNs: 0, Backups: 0 };
        _work = isWhole ? plan.Total : 0;
        long longestNs = 0;
        for (int rank = 0; rank < frame.Ranks; rank++)
        {
            if (!frame.IsPresent(rank))
            {
                _work = double.NaN;
            }
            else if (plan.Backups == 0 || frame.Weight[rank] > 0)
            {
                // What a late rank did entered with weight 0, and nobody waited for it.
                longestNs = Math.Max(longestNs, frame.ComputeNs[rank]);
                _work += isWhole ? 0 : frame.WorkUnits[rank];
            }
        }

        _longestSeconds = longestNs * 1e-9;
    }

    /// <summary>The frame that was taken last took so long: it is evidence now.</summary>
    /// <returns>A grade, where this step decided one.</returns>
    public PlanGrade? StepTook(double seconds)
    {
        if (_taken is not { } plan)
        {
            return null;
        }

        _taken = null;
        return _grader.Observe(new GradingFrame(_step, seconds, _work, Reckoned(plan, Math.Max(0, seconds - _longestSeconds))));
    }

    private double Reckoned(JobPlan plan, double restSeconds)
    {
        if (_grader.Grading is not null && _former is null)
        {
            return _formerSecondsPerUnit;
        }

        JobPlan reckoned = _grader.Grading is null ? plan : _former!;
        return reckoned.Members == members && !double.IsNaN(_work)
            ? PlanReckoning.Of(reckoned, _secondsPerUnit, restSeconds, _scratch).SecondsPerUnit
            : double.NaN;
    }
}
