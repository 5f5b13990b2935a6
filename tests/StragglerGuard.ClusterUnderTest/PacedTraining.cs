using System.Globalization;
using MixedFleet.Pacing;
using StragglerGuard.Agent;
using StragglerGuard.AkkaCluster.Ranks;
using StragglerGuard.Collectives;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.ClusterUnderTest;

/// <summary>
/// A rank's training: real collectives and a checked sum in every step, at a pace that is waited for. One rank of the job is slow at a time,
/// and the slowness moves on to the next one, so that there is always something to decide.
/// </summary>
/// <param name="guard">The rank's guard.</param>
/// <param name="communicator">All ranks of the job.</param>
/// <param name="say">Takes a line for whoever started the process.</param>
internal sealed class PacedTraining(RankGuard guard, Communicator communicator, Action<string> say) : IRankWork
{
    /// <summary>Micro-batches of a global batch.</summary>
    public const int MicroBatches = 20;

    /// <summary>What one takes where nothing is slow.</summary>
    private const long PaceNs = 8_000_000;

    /// <summary>How long one rank is the slow one.</summary>
    private const long SlowSteps = 80;

    private const double SlowFactor = 1.8;

    /// <summary>Steps between two lines about the job's progress.</summary>
    private const long ProgressSteps = 10;

    private readonly double[] _sums = new double[2];
    private long _lastEndNs;
    private long _longestGapNs;
    private long _longestGapStep;
    private volatile bool _isAskedToEnd;

    /// <summary>Asks for the job's end: the ranks tell each other in the next step, and all end after the same one.</summary>
    public void AskToEnd() => _isAskedToEnd = true;

    /// <inheritdoc/>
    public bool Advance()
    {
        JobPlan plan = guard.Plan;
        MicroBatchRange work = guard.BeginStep();
        long beginNs = MonotonicClock.NowNs();
        long microBatchNs = (long)(PaceNs * FactorAt(work.Step));
        double gradient = 0;
        for (int done = 0; done < work.Count; done++)
        {
            gradient += CheckedStep.Gradient(work.Step, work.First + done);
            AbsoluteDeadline.WaitUntil(beginNs + ((done + 1) * microBatchNs), communicator.Aborted);
        }

        double weight = guard.Vote(work.Count);
        _sums[0] = gradient;
        _sums[1] = _isAskedToEnd ? 1 : 0;
        communicator.AllReduce(_sums.AsSpan());
        if (weight != MicroBatches || _sums[0] != CheckedStep.Sum(work.Step, MicroBatches))
        {
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture,
                $"step {work.Step}: the weight is {weight} of {MicroBatches}, the gradient {_sums[0]} where {CheckedStep.Sum(work.Step, MicroBatches)} is right"));
        }

        NoteEnd(work.Step);
        if (guard.Plan.Epoch != plan.Epoch)
        {
            Say($"plan {guard.Plan.Epoch.Value} {guard.NextStep} {guard.Plan.Hash:x16}");
        }

        if (work.Step % ProgressSteps == 0)
        {
            Say($"step {work.Step}");
        }

        if (_sums[1] == 0)
        {
            return true;
        }

        guard.Complete();
        Say($"done {guard.NextStep} {_longestGapNs / 1_000_000} {_longestGapStep}");
        return false;
    }

    private double FactorAt(long step) =>
        step / SlowSteps % guard.Enrollment.WorldSize == guard.Enrollment.Slot ? SlowFactor : 1;

    private void NoteEnd(long step)
    {
        long nowNs = MonotonicClock.NowNs();
        if (_lastEndNs != 0 && nowNs - _lastEndNs > _longestGapNs)
        {
            (_longestGapNs, _longestGapStep) = (nowNs - _lastEndNs, step);
        }

        _lastEndNs = nowNs;
    }

    private void Say(FormattableString line) => say(line.ToString(CultureInfo.InvariantCulture));
}
