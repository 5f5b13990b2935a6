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
/// Architecture: Bengio et al., "A Neural Probabilistic Language Model", JMLR 3 (2003), section 2, without the direct connections. Matrix
/// products run on the device, the rest on the host. Losses and gradients are *sums* over samples: the caller divides by the weight of the
/// whole global batch, so that they are exact however unevenly it was dealt. All parameters lie in one vector and all gradients in
/// another, so that one all-reduce moves them. Not safe for several threads at once.
/// </remarks>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
internal sealed class ByteLanguageModel<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly IComputeDevice _device;
    private readonly HostWindow<T> _parameters;
    private readonly HostWindow<T> _gradients;
    private readonly HostWindow<T> _inputs;
    private readonly HostWindow<T> _inputGradients;
    private readonly HostWindow<T> _hidden;
    private readonly HostWindow<T> _hiddenGradients;
    private readonly HostWindow<T> _logits;

    /// <summary>Reserves the model on a device and draws its first weights.</summary>
    /// <param name="device">Not disposed with the model.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="seed">The same seed gives the same weights, in fp32 the rounded ones of fp64.</param>
    public ByteLanguageModel(IComputeDevice device, ModelShape shape, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(shape);
        _device = device;
        Shape = shape;
        _parameters = new HostWindow<T>(device, shape.ParameterCount);
        _gradients = new HostWindow<T>(device, shape.ParameterCount);
        _inputs = new HostWindow<T>(device, shape.Samples * shape.InputWidth);
        _inputGradients = new HostWindow<T>(device, shape.Samples * shape.InputWidth);
        _hidden = new HostWindow<T>(device, shape.Samples * shape.HiddenWidth);
        _hiddenGradients = new HostWindow<T>(device, shape.Samples * shape.HiddenWidth);
        _logits = new HostWindow<T>(device, shape.Samples * ModelShape.Symbols);
        DrawWeights(seed);
    }

    /// <summary>Sizes, and where each group of parameters lies.</summary>
    public ModelShape Shape { get; }

    /// <summary>All parameters.</summary>
    public DeviceBuffer<T> Parameters => _parameters.Buffer;

    /// <summary>Sums of the gradients since <see cref="ClearGradients"/>, in the order of <see cref="Parameters"/>.</summary>
    public DeviceBuffer<T> Gradients => _gradients.Buffer;

    /// <summary>Sets all gradients to zero.</summary>
    public void ClearGradients()
    {
        // Not a scale by zero: that would keep a NaN for ever.
        _gradients.Overwrite(0, Shape.ParameterCount).Clear();
        _gradients.Commit(0, Shape.ParameterCount);
    }

    /// <summary>Sum of the cross-entropies of a micro-batch, in nats. Gradients stay as they are.</summary>
    public double LossSum(MicroBatch batch)
    {
        ThrowUnlessFits(batch);
        Forward(batch);
        Span<T> rows = _logits.Read(0, batch.Samples * ModelShape.Symbols);
        return SoftmaxMinusTarget(rows, batch.Targets);
    }

    /// <summary>Adds a micro-batch's gradients to <see cref="Gradients"/>. Allocates nothing.</summary>
    /// <returns>Sum of the cross-entropies of its samples, in nats.</returns>
    public double AccumulateGradients(MicroBatch batch)
    {
        ThrowUnlessFits(batch);
        Forward(batch);
        int length = batch.Samples * ModelShape.Symbols;
        double lossSum = SoftmaxMinusTarget(_logits.Read(0, length), batch.Targets);
        _logits.Commit(0, length);
        Backward(batch);
        return lossSum;
    }

    /// <summary>Takes one step of an optimiser along the gradients.</summary>
    /// <param name="optimizer">Holds its state between steps.</param>
    /// <param name="gradientScale">1 / Σ weight over all ranks: makes the sums a mean.</param>
    public void Apply(Adam<T> optimizer, T gradientScale)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        optimizer.Step(_parameters.Read(0, Shape.ParameterCount), _gradients.Read(0, Shape.ParameterCount), gradientScale);
        _parameters.Commit(0, Shape.ParameterCount);
    }

    /// <summary>A hash of the bits of all parameters: equal on two ranks exactly when their weights are, but for chance of 2⁻⁶⁴.</summary>
    public ulong WeightBits() => CounterHash.OfBits<T>(_parameters.Read(0, Shape.ParameterCount));

    /// <inheritdoc/>
    public void Dispose()
    {
        _parameters.Dispose();
        _gradients.Dispose();
        _inputs.Dispose();
        _inputGradients.Dispose();
        _hidden.Dispose();
        _hiddenGradients.Dispose();
        _logits.Dispose();
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
        ReadOnlySpan<T> embedding = _parameters.Read(Shape.Embedding.Offset, Shape.Embedding.Length);
        Span<T> input = _inputs.Overwrite(0, inputLength);
        for (int i = 0; i < batch.Contexts.Length; i++)
        {
            embedding.Slice(batch.Contexts[i] * width, width).CopyTo(input[(i * width)..]);
        }

        _inputs.Commit(0, inputLength);

        int hiddenLength = batch.Samples * Shape.HiddenWidth;
        Affine(batch.Samples, _inputs, Shape.HiddenWeights, Shape.HiddenBias, _hidden);
        Span<T> units = _hidden.Read(0, hiddenLength);
        TensorPrimitives.Tanh<T>(units, units);
        _hidden.Commit(0, hiddenLength);

        Affine(batch.Samples, _hidden, Shape.OutputWeights, Shape.OutputBias, _logits);
    }

    private void Backward(MicroBatch batch)
    {
        AccumulateAffine(batch.Samples, _hidden, _logits, Shape.OutputWeights, Shape.OutputBias, _hiddenGradients);

        int hiddenLength = batch.Samples * Shape.HiddenWidth;
        Span<T> units = _hidden.Read(0, hiddenLength);
        Span<T> unitGradients = _hiddenGradients.Read(0, hiddenLength);

        // tanh′ = 1 − tanh²; the units are not needed any more and serve as room.
        TensorPrimitives.Multiply<T>(units, units, units);
        TensorPrimitives.Multiply<T>(units, unitGradients, units);
        TensorPrimitives.Subtract<T>(unitGradients, units, unitGradients);
        _hiddenGradients.Commit(0, hiddenLength);

        AccumulateAffine(batch.Samples, _inputs, _hiddenGradients, Shape.HiddenWeights, Shape.HiddenBias, _inputGradients);

        int width = Shape.EmbeddingWidth;
        ReadOnlySpan<T> input = _inputGradients.Read(0, batch.Samples * Shape.InputWidth);
        Span<T> embedding = _gradients.Read(Shape.Embedding.Offset, Shape.Embedding.Length);
        for (int i = 0; i < batch.Contexts.Length; i++)
        {
            Span<T> row = embedding.Slice(batch.Contexts[i] * width, width);
            TensorPrimitives.Add(row, input.Slice(i * width, width), row);
        }

        _gradients.Commit(Shape.Embedding.Offset, Shape.Embedding.Length);
    }

    // to ← from · weights + bias, a row per sample.
    private void Affine(int samples, HostWindow<T> from, ParameterGroup weights, ParameterGroup bias, HostWindow<T> to)
    {
        ReadOnlySpan<T> biasRow = _parameters.Read(bias.Offset, bias.Length);
        Span<T> rows = to.Overwrite(0, samples * bias.Length);
        for (int sample = 0; sample < samples; sample++)
        {
            biasRow.CopyTo(rows[(sample * bias.Length)..]);
        }

        to.Commit(0, samples * bias.Length);
        _device.Gemm(
            MatrixOperation.None, MatrixOperation.None, samples, weights.Columns, weights.Rows,
            T.One, from.Buffer.Slice(0, samples * weights.Rows), On(_parameters, weights),
            T.One, to.Buffer.Slice(0, samples * weights.Columns));
    }

    // Adds the gradients of weights and bias, and computes those of what came in: fromGradients ← toGradients · weightsᵀ.
    private void AccumulateAffine(
        int samples, HostWindow<T> from, HostWindow<T> toGradients, ParameterGroup weights, ParameterGroup bias,
        HostWindow<T> fromGradients)
    {
        DeviceSlice<T> outgoing = toGradients.Buffer.Slice(0, samples * weights.Columns);
        _device.Gemm(
            MatrixOperation.Transpose, MatrixOperation.None, weights.Rows, weights.Columns, samples,
            T.One, from.Buffer.Slice(0, samples * weights.Rows), outgoing, T.One, On(_gradients, weights));
        _device.Gemm(
            MatrixOperation.None, MatrixOperation.Transpose, samples, weights.Rows, weights.Columns,
            T.One, outgoing, On(_parameters, weights), T.Zero, fromGradients.Buffer.Slice(0, samples * weights.Rows));

        ReadOnlySpan<T> rows = toGradients.Read(0, samples * bias.Length);
        Span<T> biasGradients = _gradients.Read(bias.Offset, bias.Length);
        for (int sample = 0; sample < samples; sample++)
        {
            TensorPrimitives.Add(biasGradients, rows.Slice(sample * bias.Length, bias.Length), biasGradients);
        }

        _gradients.Commit(bias.Offset, bias.Length);
    }

    // Uniform with variance 1 / fan-in, so that units start neither saturated nor asleep; biases start at zero.
    private void DrawWeights(ulong seed)
    {
        Span<T> values = _parameters.Overwrite(0, Shape.ParameterCount);
        values.Clear();
        Draw(values, Shape.Embedding, 1.0);
        Draw(values, Shape.HiddenWeights, Math.Sqrt(3.0 / Shape.InputWidth));
        Draw(values, Shape.OutputWeights, Math.Sqrt(3.0 / Shape.HiddenWidth));
        _parameters.Commit(0, Shape.ParameterCount);

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
