#if FULLSTACK
using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Benchmarks.Peers;
using StragglerGuard.Benchmarks.Printing;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Ilgpu;
using static StragglerGuard.Collectives.Devices.MatrixOperation;

namespace StragglerGuard.Benchmarks.Groups;

/// <summary>Matrix products through ILGPU: on CUDA against cuBLAS, else the simulator's against the host's, which only says that it is no device.</summary>
internal sealed class IlgpuGroup : IBenchmarkGroup
{
    private const double CublasShareMin = 0.6;
    private const int Seed = 4_409;

    /// <inheritdoc/>
    public string Name => "ilgpu";

    /// <inheritdoc/>
    public string Summary => "matrix products in fp32 through ILGPU, against cuBLAS; without a GPU the simulator's, against the host's";

    /// <inheritdoc/>
    public IEnumerable<Row> Measure(Effort effort)
    {
        using var platform = IlgpuPlatform.Open(IlgpuBackends.Cuda | IlgpuBackends.Simulator);
        using IlgpuDevice device = platform.CreateDevice(platform.Devices[0]);
        if (platform.Devices[0].Backend == IlgpuBackends.Simulator)
        {
            yield return OnSimulator(effort, device, platform.Absent[IlgpuBackends.Cuda]);
            yield break;
        }

        foreach (int order in effort.IsQuick ? (int[])[4096] : [1024, 2048, 4096, 8192])
        {
            yield return OnCuda(effort, device, order);
        }
    }

    private static Row OnCuda(Effort effort, IlgpuDevice device, int order)
    {
        using DeviceBuffer<float> a = device.Allocate<float>(order * order);
        using DeviceBuffer<float> b = device.Allocate<float>(order * order);
        using DeviceBuffer<float> c = device.Allocate<float>(order * order);
        Fill(a, b);
        string what = $"fp32 product {order}³ on {device.Name}";
        double flops = 2.0 * order * order * order;
        void Own()
        {
            device.Gemm(None, None, order, order, order, 1f, a.All, b.All, 0f, c.All);
            device.Synchronize();
        }

        using var cublas = Cublas.TryOpen(device);
        if (cublas is null)
        {
            Series alone = Interleaved.Run(effort, Contestant.Of(1, Own))[0];
            return new Row(what, Rate(alone, flops), "cuBLAS is not installed", null);
        }

        Series[] series = Interleaved.Run(effort, Contestant.Of(1, Own), Contestant.Of(1, () =>
        {
            device.Bind();
            cublas.Multiply(order, AddressOf(a), AddressOf(b), AddressOf(c));
            device.Synchronize();
        }));
        double share = series[1].MedianNs / series[0].MedianNs;
        return new Row(what, Rate(series[0], flops), $"cuBLAS: {Rate(series[1], flops)}", series[0].MedianNs / series[1].MedianNs)
        {
            Target = new Target($"at least {CublasShareMin:P0} of cuBLAS's rate", share >= CublasShareMin),
        };
    }

    private static Row OnSimulator(Effort effort, IlgpuDevice device, string whyNoGpu)
    {
        const int Order = 64;
        using var host = new CpuDevice();
        using DeviceBuffer<float> a = device.Allocate<float>(Order * Order);
        using DeviceBuffer<float> b = device.Allocate<float>(Order * Order);
        using DeviceBuffer<float> c = device.Allocate<float>(Order * Order);
        using DeviceBuffer<float> hostA = host.Allocate<float>(Order * Order);
        using DeviceBuffer<float> hostB = host.Allocate<float>(Order * Order);
        using DeviceBuffer<float> hostC = host.Allocate<float>(Order * Order);
        Fill(a, b);
        Fill(hostA, hostB);
        Series[] series = Interleaved.Run(
            effort,
            Contestant.Of(1, () => device.Gemm(None, None, Order, Order, Order, 1f, a.All, b.All, 0f, c.All)),
            Contestant.Of(1, () => host.Gemm(None, None, Order, Order, Order, 1f, hostA.All, hostB.All, 0f, hostC.All)));
        return Row.Of($"fp32 product {Order}³ on ILGPU's simulator, which is no device (CUDA: {whyNoGpu})", Quantity.Time(series[0].MedianNs), "host", series[0], series[1]);
    }

    private static nint AddressOf(DeviceBuffer<float> buffer) => ((IlgpuBuffer<float>)buffer).Address;

    private static string Rate(Series series, double flops) => $"{Quantity.Time(series.MedianNs)}, {Quantity.Digits(flops / series.MedianNs)} GFLOP/s";

    private static void Fill(DeviceBuffer<float> a, DeviceBuffer<float> b)
    {
        var random = new Random(Seed);
        foreach (DeviceBuffer<float> matrix in (DeviceBuffer<float>[])[a, b])
        {
            float[] values = new float[matrix.Length];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = random.NextSingle() - 0.5f;
            }

            matrix.Upload(values);
        }
    }
}
#endif
