using System.Numerics;
using System.Runtime.InteropServices;

namespace MixedFleet.Model;

/// <summary>The optimiser Adam over one flat vector.</summary>
/// <remarks>
/// Kingma, Ba: "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1, with the bias correction folded into the rate (end
/// of section 2). Only additions, multiplications, divisions and square roots are used, in a fixed order: the same input gives the same bits on
/// every rank whose vectors are of the same width.
/// </remarks>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
internal sealed class Adam<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const double Decay1 = 0.9;
    private const double Decay2 = 0.999;
    private const double Epsilon = 1e-8;

    private readonly T[] mean;
    private readonly T[] square;
    private readonly double learningRate;
    private double decay1Power = 1;
    private double decay2Power = 1;

    /// <summary>Starts at rest.</summary>
    /// <param name="length">Elements.</param>
    /// <param name="learningRate">Above 0; default 0.002.</param>
    public Adam(int length, double learningRate = 0.002)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(learningRate);
        mean = new T[length];
        square = new T[length];
        this.learningRate = learningRate;
    }

    /// <summary>Moves the parameters one step. Allocates nothing.</summary>
    /// <param name="parameters">As long as the optimiser.</param>
    /// <param name="gradientSums">As long as the optimiser.</param>
    /// <param name="gradientScale">Makes the sums a mean.</param>
    public void Step(Span<T> parameters, ReadOnlySpan<T> gradientSums, T gradientScale)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(parameters.Length, mean.Length, nameof(parameters));
        ArgumentOutOfRangeException.ThrowIfNotEqual(gradientSums.Length, mean.Length, nameof(gradientSums));

        // Powers by multiplication: a library's pow may round otherwise on another machine.
        decay1Power *= Decay1;
        decay2Power *= Decay2;
        double correction2 = Math.Sqrt(1 - decay2Power);
        T rate = T.CreateTruncating(learningRate * correction2 / (1 - decay1Power));
        T epsilon = T.CreateTruncating(Epsilon * correction2);
        T keep1 = T.CreateTruncating(Decay1);
        T take1 = T.CreateTruncating(1 - Decay1);
        T keep2 = T.CreateTruncating(Decay2);
        T take2 = T.CreateTruncating(1 - Decay2);

        int vectorized = mean.Length - (mean.Length % Vector<T>.Count);
        Span<Vector<T>> p = MemoryMarshal.Cast<T, Vector<T>>(parameters[..vectorized]);
        ReadOnlySpan<Vector<T>> g = MemoryMarshal.Cast<T, Vector<T>>(gradientSums[..vectorized]);
        Span<Vector<T>> m = MemoryMarshal.Cast<T, Vector<T>>(mean.AsSpan(0, vectorized));
        Span<Vector<T>> v = MemoryMarshal.Cast<T, Vector<T>>(square.AsSpan(0, vectorized));
        Vector<T> epsilons = new(epsilon);
        for (int i = 0; i < p.Length; i++)
        {
            Vector<T> gradient = g[i] * gradientScale;
            m[i] = (m[i] * keep1) + (gradient * take1);
            v[i] = (v[i] * keep2) + (gradient * gradient * take2);
            p[i] -= m[i] * rate / (Vector.SquareRoot(v[i]) + epsilons);
        }

        for (int i = vectorized; i < mean.Length; i++)
        {
            T gradient = gradientSums[i] * gradientScale;
            mean[i] = (mean[i] * keep1) + (gradient * take1);
            square[i] = (square[i] * keep2) + (gradient * gradient * take2);
            parameters[i] -= mean[i] * rate / (T.Sqrt(square[i]) + epsilon);
        }
    }
}
