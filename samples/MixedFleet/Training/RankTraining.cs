using MixedFleet.Data;
using MixedFleet.Model;
using MixedFleet.Pacing;
using StragglerGuard.Collectives;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Training;

/// <summary>The training loop of one rank, the same whether the rank is a thread or a process.</summary>
internal sealed class RankTraining
{
    private const int LossWindowSteps = 10;

    private readonly RunSettings _settings;
    private readonly int _rank;
    private readonly PaceEmulator _pace;
    private readonly Action<long, double> _onStep;

    /// <summary>Prepares a rank.</summary>
    /// <param name="settings">The run.</param>
    /// <param name="rank">Who.</param>
    /// <param name="stretch">The factor on all emulated paces.</param>
    /// <param name="onStep">Called after every step with its number and loss; must be quick.</param>
    public RankTraining(RunSettings settings, int rank, double stretch, Action<long, double> onStep)
    {
        _settings = settings;
        _rank = rank;
        _pace = new PaceEmulator(settings.Fleet.Ranks[rank].PaceSeconds * stretch);
        _onStep = onStep;
    }

    /// <summary>Trains to the last step, then checks the gradient of the last uneven deal, or of an example where there was none.</summary>
    public RankResult Run(RankGuard guard, Communicator communicator, IComputeDevice device)
    {
        using var model = new ByteLanguageModel<float>(device, RunSettings.ModelShape, _settings.Seed);
        var accumulator = new GradientAccumulator<float>(model, new MicroBatchSampler(_settings.Corpus, _settings.Seed));
        var optimizer = new Adam<float>(RunSettings.ModelShape.ParameterCount);
        Calibration.WarmUp(accumulator);
        model.ClearGradients();

        double[] stepSeconds = new double[_settings.Phases.Steps];
        var lastLosses = new Queue<double>(LossWindowSteps + 1);
        double[] loss = new double[1];
        double lossFirst = double.NaN;
        int[] even = EvenDeal.Of(_settings.MicroBatches, _settings.WorldSize);
        int[] uneven = GradientCheck.ExampleOfUneven(even);
        JobPlan dealt = guard.Plan;
        communicator.Barrier();
        long before = MonotonicClock.NowNs();
        for (int step = 0; step < _settings.Phases.Steps; step++)
        {
            MicroBatchRange work = guard.BeginStep();
            if (!ReferenceEquals(dealt, guard.Plan))
            {
                dealt = guard.Plan;
                uneven = dealt.Deal.MicroBatches.SequenceEqual(even) ? uneven : dealt.Deal.MicroBatches.ToArray();
            }

            _pace.BeginStep(MonotonicClock.NowNs(), _settings.Slowdowns.FactorAt(_rank, step));
            accumulator.Begin(step);
            for (int k = work.First; k < work.End; k++)
            {
                accumulator.Add(k);
                _pace.EndMicroBatch(communicator.Aborted);
                if (communicator.Aborted.IsCancellationRequested)
                {
                    break; // The job is over: the vote below says why.
                }
            }

            double weight = guard.Vote(accumulator.Weight);
            communicator.AllReduce(model.Gradients.All);
            model.Apply(optimizer, (float)(1 / weight));

            loss[0] = accumulator.LossSum;
            communicator.AllReduce(loss.AsSpan());
            double mean = loss[0] / weight;
            lossFirst = step == 0 ? mean : lossFirst;
            lastLosses.Enqueue(mean);
            if (lastLosses.Count > LossWindowSteps)
            {
                lastLosses.Dequeue();
            }

            long now = MonotonicClock.NowNs();
            stepSeconds[step] = (now - before) * 1e-9;
            before = now;
            _onStep(step, mean);
        }

        return new RankResult(
            _rank, Environment.ProcessId, lossFirst, lastLosses.Average(), model.WeightBits().ToString("x16", null),
            CheckGradient(model, uneven, communicator), stepSeconds);
    }

    /// <summary>
    /// The gradient of one more global batch at the trained weights, in fp64: dealt unevenly, against an even split of the same batch. Both
    /// are reduced by the job's own all-reduce.
    /// </summary>
    private double CheckGradient(ByteLanguageModel<float> trained, ReadOnlySpan<int> counts, Communicator communicator)
    {
        using var model = new ByteLanguageModel<double>(trained.Parameters.Device, RunSettings.ModelShape, _settings.Seed);
        float[] weights = new float[RunSettings.ModelShape.ParameterCount];
        trained.Parameters.Download(weights);
        model.Parameters.Upload(Array.ConvertAll(weights, weight => (double)weight));
        var accumulator = new GradientAccumulator<double>(model, new MicroBatchSampler(_settings.Corpus, _settings.Seed));
        double[] total = new double[1];
        return GradientCheck.MaxRelativeError(
            accumulator, _settings.Phases.Steps, _rank, counts,
            (gradients, weight) =>
            {
                communicator.AllReduce(gradients.All);
                total[0] = weight;
                communicator.AllReduce(total.AsSpan());
                return total[0];
            });
    }
}
