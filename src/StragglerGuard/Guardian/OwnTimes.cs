using System.Numerics.Tensors;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Guardian;

/// <summary>The members' seconds per micro-batch of the last complete steps: what any plan would have made of those steps.</summary>
/// <remarks>A member that stopped early did its micro-batches at the pace of that step: the rest is reckoned at the same.</remarks>
internal sealed class OwnTimes(int members)
{
    /// <summary>Steps kept.</summary>
    public const int FramesMax = 96;

    private readonly double[] _secondsPerUnit = new double[FramesMax * members];
    private int _next;

    /// <summary>Steps known, <see cref="FramesMax"/> at most.</summary>
    public int Frames { get; private set; }

    /// <summary>Forgets everything: the job changed.</summary>
    public void Clear()
    {
        Frames = 0;
        _next = 0;
    }

    /// <summary>Takes a step.</summary>
    /// <param name="secondsPerUnit">One a member; a step with one that is unknown is left out.</param>
    public void Add(ReadOnlySpan<double> secondsPerUnit)
    {
        foreach (double seconds in secondsPerUnit)
        {
            if (!(seconds > 0 && double.IsFinite(seconds)))
            {
                return;
            }
        }

        secondsPerUnit.CopyTo(_secondsPerUnit.AsSpan(_next * members));
        _next = (_next + 1) % FramesMax;
        Frames = Math.Min(Frames + 1, FramesMax);
    }

    /// <summary>What a plan would have made of these steps: seconds a micro-batch that enters, all steps together.</summary>
    /// <param name="plan">Of as many members.</param>
    /// <param name="commonSeconds">What a step takes beyond the own work, s.</param>
    /// <returns>NaN where no step is known.</returns>
    public double SecondsPerUnitUnder(JobPlan plan, double commonSeconds)
    {
        double seconds = 0;
        double units = 0;
        double[] scratch = new double[members];
        for (int frame = 0; frame < Frames; frame++)
        {
            PlanReckoning step = PlanReckoning.Of(plan, _secondsPerUnit.AsSpan(frame * members, members), commonSeconds, scratch);
            seconds += step.Seconds;
            units += step.Units;
        }

        return units > 0 ? seconds / units : double.NaN;
    }

    /// <summary>How long every member's own work of every step takes under a deal, the oldest step first: frames × members, s.</summary>
    public double[] Under(MicroBatchDeal deal)
    {
        double[] own = new double[Frames * members];
        double[] shares = Array.ConvertAll(deal.MicroBatches.ToArray(), static share => (double)share);
        int oldest = Frames < FramesMax ? 0 : _next;
        for (int frame = 0; frame < Frames; frame++)
        {
            TensorPrimitives.Multiply(
                _secondsPerUnit.AsSpan((oldest + frame) % FramesMax * members, members), shares, own.AsSpan(frame * members, members));
        }

        return own;
    }
}
