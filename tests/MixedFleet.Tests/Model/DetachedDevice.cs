using System.Numerics;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core;

namespace MixedFleet.Tests.Model;

/// <summary>A device whose memory the host can't see, computing as the textbook has it.</summary>
internal sealed class DetachedDevice : IComputeDevice
{
    public string Name => "detached";

    public DeviceClass DeviceClass => new("detached");

    public DeviceBuffer<T> Allocate<T>(int length)
        where T : unmanaged, IFloatingPointIeee754<T> => new DetachedBuffer<T>(this, length);

    public void Gemm<T>(
        MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k,
        T alpha, DeviceSlice<T> a, DeviceSlice<T> b, T beta, DeviceSlice<T> c)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Span<T> left = Elements(a);
        Span<T> right = Elements(b);
        Span<T> result = Elements(c);
        for (int row = 0; row < m; row++)
        {
            for (int column = 0; column < n; column++)
            {
                T sum = T.Zero;
                for (int i = 0; i < k; i++)
                {
                    T x = operationA == MatrixOperation.None ? left[(row * k) + i] : left[(i * m) + row];
                    T y = operationB == MatrixOperation.None ? right[(i * n) + column] : right[(column * k) + i];
                    sum += x * y;
                }

                T before = beta == T.Zero ? T.Zero : beta * result[(row * n) + column];
                result[(row * n) + column] = (alpha * sum) + before;
            }
        }
    }

    public void Add<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T> => throw new NotSupportedException("The model does not add on the device.");

    public void Scale<T>(DeviceSlice<T> destination, T factor)
        where T : unmanaged, IFloatingPointIeee754<T> => throw new NotSupportedException("The model does not scale on the device.");

    public void Copy<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T> => throw new NotSupportedException("The model does not copy on the device.");

    public DeviceEvent RecordEvent() => new(0);

    public bool TryGetElapsedNs(DeviceEvent from, DeviceEvent to, out long elapsedNs)
    {
        elapsedNs = 0;
        return false;
    }

    public void Dispose()
    {
    }

    private static Span<T> Elements<T>(DeviceSlice<T> slice)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        ((DetachedBuffer<T>)slice.Buffer).Memory.AsSpan(slice.Offset, slice.Length);

    private sealed class DetachedBuffer<T>(IComputeDevice device, int length) : DeviceBuffer<T>(device, length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T[] Memory { get; } = new T[length];

        public override bool IsHostVisible => false;

        public override Span<T> HostSpan => throw new NotSupportedException("The host can't see this memory.");

        public override void Upload(ReadOnlySpan<T> source, int offset = 0) => source.CopyTo(Memory.AsSpan(offset));

        public override void Download(Span<T> destination, int offset = 0) =>
            Memory.AsSpan(offset, destination.Length).CopyTo(destination);

        protected override void Dispose(bool disposing)
        {
        }
    }
}
