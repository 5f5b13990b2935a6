using System.Numerics;
using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Collectives.Tests.Devices;

/// <summary>What every device must do; one subclass for each.</summary>
public abstract class ComputeDeviceTests
{
    private const int Seed = 20_260_727;

    private static readonly MatrixOperation[] Operations = [MatrixOperation.None, MatrixOperation.Transpose];

    /// <summary>Shapes for the product, with tails of every kind; a device that only simulates takes fewer.</summary>
    protected virtual IReadOnlyList<(int M, int N, int K)> GemmShapes { get; } =
    [
        (1, 1, 1), (0, 5, 3), (5, 0, 3), (4, 6, 0), (2, 3, 5), (4, 32, 7), (8, 32, 1), (8, 64, 33), (7, 31, 17), (9, 33, 65),
        (12, 40, 16), (13, 47, 61), (16, 512, 128), (16, 128, 512), (16, 128, 256), (17, 129, 257), (128, 256, 16), (65, 70, 300),
        (140, 50, 270), (3, 1100, 20), (37, 1061, 259), (64, 64, 64), (1, 300, 100), (300, 1, 100),
    ];

    /// <summary>Rounds of random shapes.</summary>
    protected virtual int RandomGemms => 60;

    /// <summary>Bytes of the collected heap that one operation may take: none, but for what a library in between takes for itself.</summary>
    protected virtual long AllocatedBytesPerOperation => 0;

    protected abstract IComputeDevice CreateDevice();

    [Fact]
    public void Gemm_EveryTranspositionAndTail_EqualsNaiveProduct()
    {
        using var device = CreateDevice();
        foreach (var (m, n, k) in GemmShapes)
        {
            CheckGemm<float>(device, m, n, k, 1f, 0f);
            CheckGemm<double>(device, m, n, k, 1.0, 0.0);
            CheckGemm<float>(device, m, n, k, -0.5f, 1f);
            CheckGemm<double>(device, m, n, k, 2.0, -0.75);
        }
    }

    [Fact]
    public void Gemm_RandomShapes_EqualsNaiveProduct()
    {
        var random = new Random(Seed);
        using var device = CreateDevice();
        for (var i = 0; i < RandomGemms; i++)
        {
            var (m, n, k) = (random.Next(0, 70), random.Next(0, 90), random.Next(0, 80));
            CheckGemm<float>(device, m, n, k, (float)random.NextDouble(), random.Next(3) - 1);
            CheckGemm<double>(device, m, n, k, random.NextDouble(), random.Next(3) - 1);
        }
    }

    [Theory]
    [InlineData(16, 64, 32)]
    [InlineData(7, 33, 5)]
    [InlineData(3, 3, 0)]
    public void Gemm_BetaZero_DoesNotReadC(int m, int n, int k)
    {
        using var device = CreateDevice();
        foreach (var operationA in Operations)
        {
            foreach (var operationB in Operations)
            {
                using var a = Upload(device, Fill<float>(m * k, 1));
                using var b = Upload(device, Fill<float>(k * n, 2));
                using var c = Upload(device, Enumerable.Repeat(float.NaN, m * n).ToArray());
                device.Gemm(operationA, operationB, m, n, k, 1f, a.All, b.All, 0f, c.All);
                Download(c).Should().NotContain(x => float.IsNaN(x), "{0} {1}", operationA, operationB);
            }
        }
    }

    [Fact]
    public void Gemm_AlphaZero_DoesNotReadFactors()
    {
        using var device = CreateDevice();
        using var a = Upload(device, Enumerable.Repeat(double.NaN, 20).ToArray());
        using var b = Upload(device, Enumerable.Repeat(double.NaN, 30).ToArray());
        using var c = Upload(device, Enumerable.Repeat(2.0, 24).ToArray());
        device.Gemm(MatrixOperation.None, MatrixOperation.None, 4, 6, 5, 0.0, a.All, b.All, 0.5, c.All);
        Download(c).Should().OnlyContain(x => x == 1.0);
    }

    [Fact]
    public void Gemm_PartOfBuffers_LeavesTheRestAlone()
    {
        using var device = CreateDevice();
        using var all = Upload(device, Fill<float>(1000, 5));
        var before = Download(all);
        device.Gemm(
            MatrixOperation.None, MatrixOperation.Transpose, 5, 7, 9,
            1f, all.Slice(3, 45), all.Slice(101, 63), 0f, all.Slice(501, 35));
        var after = Download(all);
        var expected = NaiveProduct.Gemm(
            MatrixOperation.None, MatrixOperation.Transpose, 5, 7, 9, 1f, before[3..48], before[101..164], 0f, new float[35]);
        after[..501].Should().Equal(before[..501]);
        after[536..].Should().Equal(before[536..]);
        for (var i = 0; i < 35; i++)
        {
            ((double)after[501 + i]).Should().BeApproximately(expected[i], 1e-4);
        }
    }

    [Fact]
    public void Gemm_SameInputTwice_GivesTheSameBits()
    {
        using var device = CreateDevice();
        using var a = Upload(device, Fill<float>(37 * 300, 1));
        using var b = Upload(device, Fill<float>(300 * 65, 2));
        using var c = device.Allocate<float>(37 * 65);
        device.Gemm(MatrixOperation.None, MatrixOperation.None, 37, 65, 300, 1f, a.All, b.All, 0f, c.All);
        var first = Download(c);
        device.Gemm(MatrixOperation.None, MatrixOperation.None, 37, 65, 300, 1f, a.All, b.All, 0f, c.All);
        Download(c).Should().Equal(first);
    }

    [Fact]
    public void Gemm_ShortSlice_IsRefused()
    {
        using var device = CreateDevice();
        using var a = device.Allocate<float>(6);
        using var b = device.Allocate<float>(6);
        using var c = device.Allocate<float>(4);
        var act = () => device.Gemm(MatrixOperation.None, MatrixOperation.None, 2, 2, 4, 1f, a.All, b.All, 0f, c.All);
        act.Should().Throw<ArgumentException>().WithParameterName("a").WithMessage("*8 elements*6*");
    }

    [Fact]
    public void Gemm_ProductOverItsFactor_IsRefused()
    {
        using var device = CreateDevice();
        using var x = device.Allocate<float>(100);
        var act = () => device.Gemm(
            MatrixOperation.None, MatrixOperation.None, 3, 3, 3, 1f, x.Slice(0, 9), x.Slice(20, 9), 0f, x.Slice(28, 9));
        act.Should().Throw<ArgumentException>().WithParameterName("b");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1023)]
    public void AddScaleCopy_AnyLength_WorkElementByElement(int length)
    {
        using var device = CreateDevice();
        var x = Fill<double>(length, 1);
        var y = Fill<double>(length, 2);
        using var source = Upload(device, x);
        using var destination = Upload(device, y);
        using var copy = device.Allocate<double>(length);
        device.Add(source.All, destination.All);
        device.Copy(destination.All, copy.All);
        device.Scale(copy.All, 3.0);
        Download(destination).Should().Equal(x.Zip(y, (p, q) => p + q));
        Download(copy).Should().Equal(x.Zip(y, (p, q) => 3.0 * (p + q)));
        Download(source).Should().Equal(x);
    }

    [Theory]
    [InlineData(0, 10)]
    [InlineData(10, 0)]
    [InlineData(5, 5)]
    public void Copy_WithinOneVector_MovesTheElementsAsTheyWere(int from, int to)
    {
        using var device = CreateDevice();
        var x = Fill<float>(500, 4);
        using var vector = Upload(device, x);

        device.Copy(vector.Slice(from, 400), vector.Slice(to, 400));

        x.AsSpan(from, 400).CopyTo(x.AsSpan(to));
        Download(vector).Should().Equal(x);
    }

    [Fact]
    public void Upload_OfAPart_LeavesTheRest()
    {
        using var device = CreateDevice();
        using var vector = Upload(device, [1f, 2f, 3f, 4f, 5f]);

        vector.Upload([20f, 30f], 1);
        vector.Upload([], 5);

        var part = new float[3];
        vector.Download(part, 1);
        part.Should().Equal(20f, 30f, 4f);
        Download(vector).Should().Equal(1f, 20f, 30f, 4f, 5f);
    }

    [Fact]
    public void Add_UnequalLengths_IsRefused()
    {
        using var device = CreateDevice();
        using var x = device.Allocate<float>(10);
        var act = () => device.Add(x.Slice(0, 3), x.Slice(5, 4));
        act.Should().Throw<ArgumentException>().WithMessage("*3 elements*4*");
    }

    [Fact]
    public void Operation_OnAnotherDevicesBuffer_IsRefused()
    {
        using var device = CreateDevice();
        using var stranger = CreateDevice();
        using var own = device.Allocate<float>(4);
        using var foreign = stranger.Allocate<float>(4);
        var act = () => device.Add(foreign.All, own.All);
        act.Should().Throw<ArgumentException>().WithMessage("*another device*");
    }

    [Fact]
    public void Allocate_NewVector_IsZero()
    {
        using var device = CreateDevice();
        using var x = device.Allocate<float>(1000);
        x.Length.Should().Be(1000);
        Download(x).Should().OnlyContain(v => v == 0f);
    }

    [Fact]
    public void Allocate_UnsupportedElement_IsRefused()
    {
        using var device = CreateDevice();
        var act = () => device.Allocate<Half>(1);
        act.Should().Throw<NotSupportedException>();
    }

    [Fact]
    public void Buffer_AfterDisposal_IsRefused()
    {
        using var device = CreateDevice();
        var x = device.Allocate<float>(10);
        x.Dispose();
        var act = () => x.Download(new float[1]);
        act.Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Upload_PastTheEnd_IsRefused()
    {
        using var device = CreateDevice();
        using var x = device.Allocate<float>(10);
        var act = () => x.Upload(new float[4], 7);
        act.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Slice_OutsideItsVector_IsRefused()
    {
        using var device = CreateDevice();
        using var x = device.Allocate<float>(10);
        var act = () => x.Slice(4, 4).Slice(2, 3);
        act.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Events_AroundWork_MeasureTimeThatPassed()
    {
        using var device = CreateDevice();
        using var a = device.Allocate<float>(200 * 200);
        using var c = device.Allocate<float>(200 * 200);
        using var b = device.Allocate<float>(200 * 200);
        var start = device.RecordEvent();
        device.Gemm(MatrixOperation.None, MatrixOperation.None, 200, 200, 200, 1f, a.All, b.All, 0f, c.All);
        var end = device.RecordEvent();
        _ = Download(c);
        device.TryGetElapsedNs(start, end, out var elapsedNs).Should().BeTrue();
        elapsedNs.Should().BeGreaterThan(1000);
    }

    [Fact]
    public void HotPath_AfterWarmUp_AllocatesNothing()
    {
        using var device = CreateDevice();
        using var a = Upload(device, Fill<float>(150 * 300, 1));
        using var b = Upload(device, Fill<float>(300 * 70, 2));
        using var c = device.Allocate<float>(150 * 70);
        using var d = device.Allocate<float>(150 * 70);
        void Work()
        {
            foreach (var operation in Operations)
            {
                device.Gemm(MatrixOperation.None, operation, 150, 70, 300, 1f, a.All, b.All, 0f, c.All);
                device.Gemm(MatrixOperation.Transpose, operation, 13, 70, 300, 1f, a.All, b.All, 1f, c.All);
            }

            device.Add(c.All, d.All);
            device.Scale(d.All, 0.5f);
            device.Copy(d.All, c.All);
            device.TryGetElapsedNs(device.RecordEvent(), device.RecordEvent(), out _);
        }

        Work();
        Work();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Work();
        const int OperationsDone = 7;
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThanOrEqualTo(OperationsDone * AllocatedBytesPerOperation);
    }

    protected static T[] Fill<T>(int length, int seed)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var random = new Random(Seed + seed);
        return [.. Enumerable.Range(0, length).Select(_ => T.CreateChecked((random.NextDouble() * 2) - 1))];
    }

    private static DeviceBuffer<T> Upload<T>(IComputeDevice device, T[] values)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var buffer = device.Allocate<T>(values.Length);
        buffer.Upload(values);
        return buffer;
    }

    private static T[] Download<T>(DeviceBuffer<T> buffer)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var values = new T[buffer.Length];
        buffer.Download(values);
        return values;
    }

    private static void CheckGemm<T>(IComputeDevice device, int m, int n, int k, T alpha, T beta)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var a = Fill<T>(m * k, 1);
        var b = Fill<T>(k * n, 2);
        var c = Fill<T>(m * n, 3);
        // Inputs lie in [−1, 1]: the error of a sum of k products is at most about k·ε.
        var tolerance = (typeof(T) == typeof(float) ? 1.2e-7 : 2.3e-16) * (k + 4) * 4;
        foreach (var operationA in Operations)
        {
            foreach (var operationB in Operations)
            {
                using var deviceA = Upload(device, a);
                using var deviceB = Upload(device, b);
                using var deviceC = Upload(device, c);
                device.Gemm(operationA, operationB, m, n, k, alpha, deviceA.All, deviceB.All, beta, deviceC.All);
                var actual = Download(deviceC);
                var expected = NaiveProduct.Gemm(operationA, operationB, m, n, k, alpha, a, b, beta, c);
                for (var i = 0; i < expected.Length; i++)
                {
                    var error = Math.Abs(double.CreateChecked(actual[i]) - expected[i]);
                    if (!(error <= tolerance))
                    {
                        Assert.Fail(
                            $"{typeof(T).Name} {operationA}/{operationB} {m}×{n}×{k} α={alpha} β={beta} seed {Seed}: element {i} "
                            + $"is {actual[i]}, expected {expected[i]}");
                    }
                }
            }
        }
    }
}
