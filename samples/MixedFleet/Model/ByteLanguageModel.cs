using System.Numerics;
using System.Numerics.Tensors;
using MixedFleet.Data;
using StragglerGuard.Collectives.Devices;

namespace MixedFleet.Model;

/// <summary>
/// A language model over bytes: the last bytes are embedded and concatenated, a hidden layer of tanh follows, then a softmax over the 256
/// values of the next byte.
/// </summary>
/// <remarks>
/// Architecture: Bengio et al., "A Neural Probabilistic Language Model", JMLR 3 (2003), section 2, without the direct connections. Matrix products run on the
/// device, the rest on the host. Losses and gradients are *sums* over samples: the caller divides by the weight of the whole global
/// batch, so that they are exact however unevenly it was dealt. All parameters lie in one vector and all gradients in another, so
/// that one all-reduce moves them. Not safe for several threads at once.
/// </remarks>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
internal sealed class ByteLanguageModel<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly IComputeDevice device;
    private readonly HostWindow<T> parameters;
    private readonly HostWindow<T> gradients;
    private readonly HostWindow<T> inputs;
    private readonly HostWindow<T> inputGradients;
    private readonly HostWindow<T> hidden;
    private readonly HostWindow<T> hiddenGradients;
    private readonly HostWindow<T> logits;

    /// <summary>Reserves the model on a device and draws its first weights.</summary>
    /// <param name="device">Not disposed with the model.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="seed">The same seed gives the same weights, in fp32 the rounded ones of fp64.</param>
    public ByteLanguageModel(IComputeDevice device, ModelShape shape, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(shape);
        this.device = device;
        Shape = shape;
        parameters = new HostWindow<T>(device, shape.ParameterCount);
        gradients = new HostWindow<T>(device, shape.ParameterCount);
        inputs = new HostWindow<T>(device, shape.Samples * shape.InputWidth);
        inputGradients = new HostWindow<T>(device, shape.Samples * shape.InputWidth);
        hidden = new HostWindow<T>(device, shape.Samples * shape.HiddenWidth);
        hiddenGradients = new HostWindow<T>(device, shape.Samples * shape.HiddenWidth);
        logits = new HostWindow<T>(device, shape.Samples * ModelShape.Symbols);
        DrawWeights(seed);
    }

    /// <summary>Sizes, and where each group of parameters lies.</summary>
    public ModelShape Shape { get; }

    /// <summary>All parameters.</summary>
    public DeviceBuffer<T> Parameters => parameters.Buffer;

    /// <summary>Sums of the gradients since <see cref="ClearGradients"/>, in the order of <see cref="Parameters"/>.</summary>
    public DeviceBuffer<T> Gradients => gradients.Buffer;

    /// <summary>Sets all gradients to zero.</summary>
    public void ClearGradients()
    {
        // Not a scale by zero: that would keep a NaN for ever.
        gradients.Overwrite(0, Shape.ParameterCount).Clear();
        gradients.Commit(0, Shape.ParameterCount);
    }

    /// <summary>Sum of the cross-entropies of a micro-batch, in nats. Gradients stay as they are.</summary>
    public double LossSum(MicroBatch batch)
    {
        ThrowUnlessFits(batch);
        Forward(batch);
        Span<T> rows = logits.Read(0, batch.Samples * ModelShape.Symbols);
        return SoftmaxMinusTarget(rows, batch.Targets);
    }

    /// <summary>Adds a micro-batch's gradients to <see cref="Gradients"/>. Allocates nothing.</summary>
    /// <returns>Sum of the cross-entropies of its samples, in nats.</returns>
    public double AccumulateGradients(MicroBatch batch)
    {
        ThrowUnlessFits(batch);
        Forward(batch);
        int length = batch.Samples * ModelShape.Symbols;
        double lossSum = SoftmaxMinusTarget(logits.Read(0, length), batch.Targets);
        logits.Commit(0, length);
        Backward(batch);
        return lossSum;
    }

    /// <summary>Takes one step of an optimiser along the gradients.</summary>
    /// <param name="optimizer">Holds its state between steps.</param>
    /// <param name="gradientScale">1 / Σ weight over all ranks: makes the sums a mean.</param>
    public void Apply(Adam<T> optimizer, T gradientScale)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        optimizer.Step(parameters.Read(0, Shape.ParameterCount), gradients.Read(0, Shape.ParameterCount), gradientScale);
        parameters.Commit(0, Shape.ParameterCount);
    }

    /// <summary>A hash of the bits of all parameters: equal on two ranks exactly when their weights are, but for chance of 2⁻⁶⁴.</summary>
    public ulong WeightBits() => CounterHash.OfBits<T>(parameters.Read(0, Shape.ParameterCount));

    /// <inheritdoc/>
    public void Dispose()
    {
        parameters.Dispose();
        gradients.Dispose();
        inputs.Dispose();
        inputGradients.Dispose();
        hidden.Dispose();
        hiddenGradients.Dispose();
        logits.Dispose();
    }

    private static DeviceSlice<T> On(HostWindow<T> window, ParameterGroup group) => window.Buffer.Slice(group.Offset, group.Length);

    // Turns each row of logits into softmax − one-hot(target), which is the loss's gradient, and sums −log softmax[target].
    private static double SoftmaxMinusTarget(Span<T> rows, ReadOnlySpan<byte> targets)
    {
        double lossSum = 0;
        for (int sample = 0; sample < targets.Length; sample++)
        {
            Span<T> row = rows.Slice(sample * ModelShape.Symbols, ModelShape.Symbols);
            TensorPrimitives.Subtract(row, TensorPrimitives.Max<T>(row), row);
            T targetLogit = row[targets[sample]];
            TensorPrimitives.Exp<T>(row, row);
            T sum = TensorPrimitives.Sum<T>(row);
            TensorPrimitives.Divide(row, sum, row);
            row[targets[sample]] -= T.One;
            lossSum += double.CreateTruncating(T.Log(sum) - targetLogit);
        }

        return lossSum;
    }

    private void Forward(MicroBatch batch)
    {
        int width = Shape.EmbeddingWidth;
        int inputLength = batch.Samples * Shape.InputWidth;
        ReadOnlySpan<T> embedding = parameters.Read(Shape.Embedding.Offset, Shape.Embedding.Length);
        Span<T> input = inputs.Overwrite(0, inputLength);
        for (int i = 0; i < batch.Contexts.Length; i++)
        {
            embedding.Slice(batch.Contexts[i] * width, width).CopyTo(input[(i * width)..]);
        }

        inputs.Commit(0, inputLength);

        int hiddenLength = batch.Samples * Shape.HiddenWidth;
        Affine(batch.Samples, inputs, Shape.HiddenWeights, Shape.HiddenBias, hidden);
        Span<T> units = hidden.Read(0, hiddenLength);
        TensorPrimitives.Tanh<T>(units, units);
        hidden.Commit(0, hiddenLength);

        Affine(batch.Samples, hidden, Shape.OutputWeights, Shape.OutputBias, logits);
    }

    private void Backward(MicroBatch batch)
    {
        AccumulateAffine(batch.Samples, hidden, logits, Shape.OutputWeights, Shape.OutputBias, hiddenGradients);

        int hiddenLength = batch.Samples * Shape.HiddenWidth;
        Span<T> units = hidden.Read(0, hiddenLength);
        Span<T> unitGradients = hiddenGradients.Read(0, hiddenLength);

        // tanh′ = 1 − tanh²; the units are not needed any more and serve as room.
        TensorPrimitives.Multiply<T>(units, units, units);
        TensorPrimitives.Multiply<T>(units, unitGradients, units);
        TensorPrimitives.Subtract<T>(unitGradients, units, unitGradients);
        hiddenGradients.Commit(0, hiddenLength);

        AccumulateAffine(batch.Samples, inputs, hiddenGradients, Shape.HiddenWeights, Shape.HiddenBias, inputGradients);

        int width = Shape.EmbeddingWidth;
        ReadOnlySpan<T> input = inputGradients.Read(0, batch.Samples * Shape.InputWidth);
        Span<T> embedding = gradients.Read(Shape.Embedding.Offset, Shape.Embedding.Length);
        for (int i = 0; i < batch.Contexts.Length; i++)
        {
            Span<T> row = embedding.Slice(batch.Contexts[i] * width, width);
            TensorPrimitives.Add(row, input.Slice(i * width, width), row);
        }

        gradients.Commit(Shape.Embedding.Offset, Shape.Embedding.Length);
    }

    // to ← from · weights + bias, a row per sample.
    private void Affine(int samples, HostWindow<T> from, ParameterGroup weights, ParameterGroup bias, HostWindow<T> to)
    {
        ReadOnlySpan<T> biasRow = parameters.Read(bias.Offset, bias.Length);
        Span<T> rows = to.Overwrite(0, samples * bias.Length);
        for (int sample = 0; sample < samples; sample++)
        {
            biasRow.CopyTo(rows[(sample * bias.Length)..]);
        }

        to.Commit(0, samples * bias.Length);
        device.Gemm(
            MatrixOperation.None, MatrixOperation.None, samples, weights.Columns, weights.Rows,
            T.One, from.Buffer.Slice(0, samples * weights.Rows), On(parameters, weights), T.One, to.Buffer.Slice(0, samples * weights.Columns));
    }

    // Adds the gradients of weights and bias, and computes those of what came in: fromGradients ← toGradients · weightsᵀ.
    private void AccumulateAffine(
        int samples, HostWindow<T> from, HostWindow<T> toGradients, ParameterGroup weights, ParameterGroup bias, HostWindow<T> fromGradients)
    {
        DeviceSlice<T> outgoing = toGradients.Buffer.Slice(0, samples * weights.Columns);
        device.Gemm(
            MatrixOperation.Transpose, MatrixOperation.None, weights.Rows, weights.Columns, samples,
            T.One, from.Buffer.Slice(0, samples * weights.Rows), outgoing, T.One, On(gradients, weights));
        device.Gemm(
            MatrixOperation.None, MatrixOperation.Transpose, samples, weights.Rows, weights.Columns,
            T.One, outgoing, On(parameters, weights), T.Zero, fromGradients.Buffer.Slice(0, samples * weights.Rows));

        ReadOnlySpan<T> rows = toGradients.Read(0, samples * bias.Length);
        Span<T> biasGradients = gradients.Read(bias.Offset, bias.Length);
        for (int sample = 0; sample < samples; sample++)
        {
            TensorPrimitives.Add(biasGradients, rows.Slice(sample * bias.Length, bias.Length), biasGradients);
        }

        gradients.Commit(bias.Offset, bias.Length);
    }

    // Uniform with variance 1 / fan-in, so that units start neither saturated nor asleep; biases start at zero.
    private void DrawWeights(ulong seed)
    {
        Span<T> values = parameters.Overwrite(0, Shape.ParameterCount);
        values.Clear();
        Draw(values, Shape.Embedding, 1.0);
        Draw(values, Shape.HiddenWeights, Math.Sqrt(3.0 / Shape.InputWidth));
        Draw(values, Shape.OutputWeights, Math.Sqrt(3.0 / Shape.HiddenWidth));
        parameters.Commit(0, Shape.ParameterCount);

        void Draw(Span<T> all, ParameterGroup group, double bound)
        {
            for (int i = group.Offset; i < group.Offset + group.Length; i++)
            {
                all[i] = T.CreateTruncating(bound * CounterHash.Symmetric(CounterHash.Combine(seed, (ulong)i)));
            }
        }
    }

    private void ThrowUnlessFits(MicroBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batch.Samples, Shape.Samples, nameof(batch));
        ArgumentOutOfRangeException.ThrowIfNotEqual(batch.ContextBytes, Shape.ContextBytes, nameof(batch));
    }
}
