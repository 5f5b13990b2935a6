using System.Numerics;
using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Benchmarks.Peers;
using StragglerGuard.Benchmarks.Printing;
using StragglerGuard.Collectives.Devices;
using static StragglerGuard.Collectives.Devices.MatrixOperation;

namespace StragglerGuard.Benchmarks.Groups;

/// <summary>Matrix products of one thread, against the naive triple loop: those of the sample's hidden layer, and a large one.</summary>
internal sealed class GemmGroup : IBenchmarkGroup
{
    private const int Seed = 20_260_731;

    // Of the sample's model: samples of a micro-batch, width of its input, units of its hidden layer.
    private const int Samples = 32;
    private const int Inputs = 256;
    private const int Units = 192;

    private static readonly Product[] s_products =
    [
        new("hidden layer forward", None, None, Samples, Units, Inputs),
        new("its weights' gradient", Transpose, None, Inputs, Units, Samples),
        new("its input's gradient", None, Transpose, Samples, Inputs, Units),
        new("square", None, None, 512, 512, 512),
    ];

    /// <inheritdoc/>
    public string Name => "gemm";

    /// <inheritdoc/>
    public string Summary => "matrix products in fp32 and fp64, against the naive triple loop";

    /// <inheritdoc/>
    public IEnumerable<Row> Measure(Effort effort)
    {
        foreach (Product product in effort.IsQuick ? [s_products[0], s_products[^1]] : s_products)
        {
            yield return Compare<float>(effort, "fp32", product, tolerance: 1e-4);
            yield return Compare<double>(effort, "fp64", product, tolerance: 1e-12);
        }
    }

    private static Row Compare<T>(Effort effort, string type, Product product, double tolerance)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        (string name, MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k) = product;
        using var device = new CpuDevice();
        using DeviceBuffer<T> a = device.Allocate<T>(m * k);
        using DeviceBuffer<T> b = device.Allocate<T>(k * n);
        using DeviceBuffer<T> c = device.Allocate<T>(m * n);
        var random = new Random(Seed);
        T[] hostA = Draw<T>(random, m * k);
        T[] hostB = Draw<T>(random, k * n);
        T[] hostC = new T[m * n];
        a.Upload(hostA);
        b.Upload(hostB);

        Series[] series = Interleaved.Run(
            effort,
            Contestant.Of(1, () => device.Gemm(operationA, operationB, m, n, k, T.One, a.All, b.All, T.Zero, c.All)),
            Contestant.Of(1, () => TripleLoop.Multiply(operationA, operationB, m, n, k, hostA, hostB, hostC)));
        RequireEqual(c.HostSpan, hostC, tolerance * k);
        double flops = 2.0 * m * n * k;
        return new Row(
            $"{type} product {m}×{n}×{k}, {name}",
            $"{Quantity.Time(series[0].MedianNs)}, {Quantity.Digits(flops / series[0].MedianNs)} GFLOP/s",
            $"triple loop: {Quantity.Time(series[1].MedianNs)}, {Quantity.Digits(flops / series[1].MedianNs)} GFLOP/s",
            series[0].MedianNs / series[1].MedianNs);
    }

    private static T[] Draw<T>(Random random, int length)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        [.. Enumerable.Range(0, length).Select(_ => T.CreateTruncating(random.NextDouble() - 0.5))];

    private static void RequireEqual<T>(ReadOnlySpan<T> fast, ReadOnlySpan<T> naive, double tolerance)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int i = 0; i < naive.Length; i++)
        {
            if (!(double.CreateTruncating(T.Abs(fast[i] - naive[i])) <= tolerance))
            {
                throw new InvalidOperationException($"The products differ at element {i}: {fast[i]} and {naive[i]}, seed {Seed}.");
            }
        }
    }

    private sealed record Product(string Name, MatrixOperation OperationA, MatrixOperation OperationB, int M, int N, int K);
}
