using System.Numerics;
using System.Runtime.InteropServices;

namespace MixedFleet.Model;

/// <summary>The optimiser Adam over one flat vector.</summary>
/// <remarks>
/// Kingma, Ba: "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1, with the bias correction folded into the rate (end
/// of section 2). Only additions, multiplications, divisions and square roots are used, in a fixed order, each rounded as IEEE 754
/// has it: the same input gives the same bits on every rank.
/// </remarks>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
internal sealed class Adam<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const double Decay1 = 0.9;
    private const double Decay2 = 0.999;
    private const double Epsilon = 1e-8;

    private readonly T[] _mean;
    private readonly T[] _square;
    private readonly double _learningRate;

    /// <summary>Starts at rest.</summary>
    /// <param name="length">Elements.</param>
    /// <param name="learningRate">Above 0; default 0.002.</param>
    public Adam(int length, double learningRate = 0.002)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(learningRate);
        _mean = new T[length];
        _square = new T[length];
        _learningRate = learningRate;
    }

    /// <summary>Decaying means of the gradients.</summary>
    public ReadOnlySpan<T> Mean => _mean;

    /// <summary>Decaying means of the squared gradients.</summary>
    public ReadOnlySpan<T> Square => _square;

    /// <summary>β₁ to the power of the steps taken.</summary>
    public double Decay1Power { get; private set; } = 1;

    /// <summary>β₂ to the power of the steps taken.</summary>
    public double Decay2Power { get; private set; } = 1;

    /// <summary>Takes the state of another optimiser.</summary>
    /// <param name="mean">Its <see cref="Mean"/>, as long as this one's.</param>
    /// <param name="square">Its <see cref="Square"/>.</param>
    /// <param name="decay1Power">Its <see cref="Decay1Power"/>, 0 … 1.</param>
    /// <param name="decay2Power">Its <see cref="Decay2Power"/>, 0 … 1.</param>
    public void Restore(ReadOnlySpan<T> mean, ReadOnlySpan<T> square, double decay1Power, double decay2Power)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(mean.Length, _mean.Length, nameof(mean));
        ArgumentOutOfRangeException.ThrowIfNotEqual(square.Length, _square.Length, nameof(square));
        mean.CopyTo(_mean);
        square.CopyTo(_square);
        Decay1Power = decay1Power;
        Decay2Power = decay2Power;
    }

    /// <summary>Moves the parameters one step. Allocates nothing.</summary>
    /// <param name="parameters">As long as the optimiser.</param>
    /// <param name="gradientSums">As long as the optimiser.</param>
    /// <param name="gradientScale">Makes the sums a mean.</param>
    public void Step(Span<T> parameters, ReadOnlySpan<T> gradientSums, T gradientScale)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(parameters.Length, _mean.Length, nameof(parameters));
        ArgumentOutOfRangeException.ThrowIfNotEqual(gradientSums.Length, _mean.Length, nameof(gradientSums));

        // Powers by multiplication: a library's pow may round otherwise on another machine.
        Decay1Power *= Decay1;
        Decay2Power *= Decay2;
        double correction2 = Math.Sqrt(1 - Decay2Power);
        T rate = T.CreateTruncating(_learningRate * correction2 / (1 - Decay1Power));
        T epsilon = T.CreateTruncating(Epsilon * correction2);
        T keep1 = T.CreateTruncating(Decay1);
        T take1 = T.CreateTruncating(1 - Decay1);
        T keep2 = T.CreateTruncating(Decay2);
        T take2 = T.CreateTruncating(1 - Decay2);

        int vectorized = _mean.Length - (_mean.Length % Vector<T>.Count);
        Span<Vector<T>> p = MemoryMarshal.Cast<T, Vector<T>>(parameters[..vectorized]);
        ReadOnlySpan<Vector<T>> g = MemoryMarshal.Cast<T, Vector<T>>(gradientSums[..vectorized]);
        Span<Vector<T>> m = MemoryMarshal.Cast<T, Vector<T>>(_mean.AsSpan(0, vectorized));
        Span<Vector<T>> v = MemoryMarshal.Cast<T, Vector<T>>(_square.AsSpan(0, vectorized));
        Vector<T> epsilons = new(epsilon);
        for (int i = 0; i < p.Length; i++)
        {
            Vector<T> gradient = g[i] * gradientScale;
            m[i] = (m[i] * keep1) + (gradient * take1);
            v[i] = (v[i] * keep2) + (gradient * gradient * take2);
            p[i] -= m[i] * rate / (Vector.SquareRoot(v[i]) + epsilons);
        }

        for (int i = vectorized; i < _mean.Length; i++)
        {
            T gradient = gradientSums[i] * gradientScale;
            _mean[i] = (_mean[i] * keep1) + (gradient * take1);
            _square[i] = (_square[i] * keep2) + (gradient * gradient * take2);
            parameters[i] -= _mean[i] * rate / (T.Sqrt(_square[i]) + epsilon);
        }
    }
}
