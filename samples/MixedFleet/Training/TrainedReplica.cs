using MixedFleet.Checkpoints;
using MixedFleet.Data;
using MixedFleet.Model;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Training;

/// <summary>All that a rank trains, and that every member holds alike between two steps: weights, optimiser, and the queue with the step.</summary>
internal sealed class TrainedReplica : IDisposable
{
    private readonly RunSettings _settings;

    /// <summary>Takes the state that the job begins with.</summary>
    public TrainedReplica(RunSettings settings, IComputeDevice device)
    {
        _settings = settings;
        Device = device;
        Model = new ByteLanguageModel<float>(device, RunSettings.ModelShape, settings.Seed);
        Accumulator = new GradientAccumulator<float>(Model, new MicroBatchSampler(settings.Corpus, settings.Seed));
        Optimizer = new Adam<float>(RunSettings.ModelShape.ParameterCount);
        Calibration.WarmUp(Accumulator);
        Model.ClearGradients();
        Queue = settings.ResumedFrom?.Restore(Model, Optimizer) ?? new MicroBatchQueue(settings.MicroBatches);
    }

    public IComputeDevice Device { get; }

    public ByteLanguageModel<float> Model { get; }

    public GradientAccumulator<float> Accumulator { get; }

    public Adam<float> Optimizer { get; }

    public MicroBatchQueue Queue { get; private set; }

    /// <summary>
    /// Brings the members of a new group to one state: whoever is behind, because it was away or because a failure struck in the midst of a
    /// step, takes that of the lowest rank among the most advanced. Those are not touched.
    /// </summary>
    /// <param name="communicator">Of the group; every member calls this first.</param>
    /// <param name="plan">That the group begins with.</param>
    /// <returns>The step that comes next, the same on every rank.</returns>
    /// <remarks>
    /// The step tells the state: every update that any member of any generation took was the same for all, so two members that have done
    /// as many steps hold the same bits.
    /// </remarks>
    public long Align(Communicator communicator, JobPlan plan)
    {
        long[] steps = new long[communicator.WorldSize];
        communicator.AllGather(Queue.Step, steps);
        long newest = steps.Max();
        if (steps.All(step => step == newest))
        {
            return newest;
        }

        var source = new Rank(Array.IndexOf(steps, newest));
        byte[] state = new byte[TrainingState.LengthOf(_settings.Identity, Model.Shape.ParameterCount)];
        if (communicator.Rank == source)
        {
            TrainingState.Write(state, _settings.Identity, plan, Queue, Model, Optimizer);
        }

        communicator.Broadcast(state, source);
        if (Queue.Step < newest)
        {
            Queue = TrainingState.TryRead(state, out TrainingState? taken, out string reason)
                ? taken.Restore(Model, Optimizer)
                : throw new InvalidOperationException($"the state that {source} handed round {reason}");
        }

        return newest;
    }

    /// <summary>
    /// The gradient of one more global batch at the trained weights, in fp64: dealt unevenly, against an even split of the same batch. Both
    /// are reduced by the job's own all-reduce.
    /// </summary>
    /// <param name="communicator">Every member's.</param>
    /// <param name="uneven">By rank.</param>
    public double CheckGradient(Communicator communicator, ReadOnlySpan<int> uneven)
    {
        using var model = new ByteLanguageModel<double>(Device, RunSettings.ModelShape, _settings.Seed);
        float[] weights = new float[RunSettings.ModelShape.ParameterCount];
        Model.Parameters.Download(weights);
        model.Parameters.Upload(Array.ConvertAll(weights, weight => (double)weight));
        var accumulator = new GradientAccumulator<double>(model, new MicroBatchSampler(_settings.Corpus, _settings.Seed));
        double[] total = new double[1];
        return GradientCheck.MaxRelativeError(
            accumulator, Queue.BeginStep(Queue.Step), communicator.Rank.Value, uneven,
            (gradients, weight) =>
            {
                communicator.AllReduce(gradients.All);
                total[0] = weight;
                communicator.AllReduce(total.AsSpan());
                return total[0];
            });
    }

    public void Dispose() => Model.Dispose();
}
