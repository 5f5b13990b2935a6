using MixedFleet.Training;

namespace MixedFleet.Output;

/// <summary>The steps of a run, as the rank saw them that took the most; steps that it missed as another did.</summary>
internal sealed class MeasuredSteps
{
    private readonly double[] _seconds;
    private readonly int[] _microBatches;
    private readonly int _first;

    /// <param name="results">One or more.</param>
    /// <param name="first">The first step of the run.</param>
    public MeasuredSteps(IReadOnlyList<RankResult> results, int first)
    {
        RankResult[] byPresence = [.. results.OrderByDescending(result => result.StepMicroBatches.Count(count => count > 0))];
        _first = first;
        _seconds = [.. byPresence[0].StepSeconds];
        _microBatches = [.. byPresence[0].StepMicroBatches];
        LossFirst = byPresence[0].LossFirst;
        foreach (RankResult other in byPresence)
        {
            for (int step = 0; step < _seconds.Length; step++)
            {
                if (double.IsNaN(_seconds[step]))
                {
                    (_seconds[step], _microBatches[step]) = (other.StepSeconds[step], other.StepMicroBatches[step]);
                }
            }
        }
    }

    /// <summary>Mean loss of the first step, nats per byte.</summary>
    public double LossFirst { get; }

    /// <summary>What was put into gradients, over the wall time that it took: what was dropped does not count.</summary>
    /// <param name="steps">From, and up to but not including; of the job.</param>
    /// <returns>Null where there are none, or nobody saw one of them.</returns>
    public double? SamplesPerSecond((int From, int To) steps)
    {
        if (steps.From >= steps.To)
        {
            return null;
        }

        Range range = (steps.From - _first)..(steps.To - _first);
        double rate = _microBatches[range].Sum() * (double)RunSettings.ModelShape.Samples / _seconds[range].Sum();
        return double.IsFinite(rate) ? rate : null;
    }
}
