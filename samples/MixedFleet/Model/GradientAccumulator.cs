using System.Numerics;
using MixedFleet.Data;

namespace MixedFleet.Model;

/// <summary>A rank's share of a step: sums of losses, weights and gradients over the micro-batches that it was dealt.</summary>
/// <remarks>Training and <see cref="GradientCheck"/> both accumulate through here, so the check checks what trains.</remarks>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
internal sealed class GradientAccumulator<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly MicroBatchSampler _sampler;
    private readonly MicroBatch _batch;

    /// <summary>Accumulates into a model's gradients.</summary>
    /// <param name="model">Its largest micro-batch is the one drawn.</param>
    /// <param name="sampler">Draws the samples.</param>
    public GradientAccumulator(ByteLanguageModel<T> model, MicroBatchSampler sampler)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(sampler);
        Model = model;
        _sampler = sampler;
        _batch = new MicroBatch(model.Shape.Samples, model.Shape.ContextBytes);
    }

    /// <summary>Whose gradients are accumulated.</summary>
    public ByteLanguageModel<T> Model { get; }

    /// <summary>Sum of the losses since <see cref="Begin"/>, in nats.</summary>
    public double LossSum { get; private set; }

    /// <summary>Samples since <see cref="Begin"/>: this rank's part of the denominator.</summary>
    public double Weight { get; private set; }

    /// <summary>Begins a step: all sums are zero.</summary>
    public void Begin()
    {
        LossSum = 0;
        Weight = 0;
        Model.ClearGradients();
    }

    /// <summary>Computes one micro-batch of the step. Allocates nothing.</summary>
    /// <param name="microBatch">Its number in the job, 0 or more.</param>
    public void Add(long microBatch)
    {
        _sampler.Fill(microBatch, _batch);
        LossSum += Model.AccumulateGradients(_batch);
        Weight += _batch.Samples;
    }
}
