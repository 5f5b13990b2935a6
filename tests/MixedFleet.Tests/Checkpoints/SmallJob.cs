using MixedFleet.Checkpoints;
using MixedFleet.Data;
using MixedFleet.Model;
using MixedFleet.Tests.Model;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace MixedFleet.Tests.Checkpoints;

/// <summary>The state of a small job of three slots and eight micro-batches, and its steps, with drops, as one rank would see them.</summary>
internal sealed class SmallJob : IDisposable
{
    private static readonly ModelShape Shape = new(contextBytes: 4, embeddingWidth: 3, hiddenWidth: 7, samples: 4);

    private readonly CpuDevice _device = new();
    private readonly GradientAccumulator<float> _accumulator;

    public SmallJob(ulong seed = 3)
    {
        TextCorpus corpus = TrainingText.Corpus();
        Identity = TrainingIdentity.Of(Shape, seed, corpus.Fingerprint, microBatches: 8, slots: 3);
        Model = new ByteLanguageModel<float>(_device, Shape, seed);
        _accumulator = new GradientAccumulator<float>(Model, new MicroBatchSampler(corpus, seed));
    }

    public static int Parameters => Shape.ParameterCount;

    public TrainingIdentity Identity { get; }

    public ByteLanguageModel<float> Model { get; }

    public Adam<float> Optimizer { get; } = new(Shape.ParameterCount);

    public MicroBatchQueue Queue { get; private set; } = new(8);

    public JobPlan Plan { get; private set; } = new(new PlanEpoch(7), new Generation(2), [5, JobPlan.NotMember, 3], deadlineNs: 12_000_000);

    /// <summary>Trains; every step the first member leaves out its last micro-batch but for every third step, where the other one does.</summary>
    /// <returns>The mean loss of every step.</returns>
    public double[] Train(int steps)
    {
        double[] losses = new double[steps];
        for (int i = 0; i < steps; i++)
        {
            int[] done = Queue.Step % 3 == 0 ? [5, 2] : [4, 3];
            ReadOnlySpan<long> batch = Queue.BeginStep(Queue.Step);
            _accumulator.Begin();
            for (int member = 0; member < done.Length; member++)
            {
                foreach (long number in batch.Slice(Plan.Deal.First(new Rank(member)), done[member]))
                {
                    _accumulator.Add(number);
                }
            }

            Model.Apply(Optimizer, (float)(1 / _accumulator.Weight));
            losses[i] = _accumulator.LossSum / _accumulator.Weight;
            Queue.Complete(Queue.Step, Plan.Deal, done);
        }

        return losses;
    }

    public byte[] State()
    {
        byte[] state = new byte[TrainingState.LengthOf(Identity, Parameters)];
        TrainingState.Write(state, Identity, Plan, Queue, Model, Optimizer);
        return state;
    }

    public void GoOnFrom(TrainingState state)
    {
        Queue = state.Restore(Model, Optimizer);
        Plan = state.Plan;
    }

    public void Dispose()
    {
        Model.Dispose();
        _device.Dispose();
    }
}
