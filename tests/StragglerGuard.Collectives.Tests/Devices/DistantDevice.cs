using System.Numerics;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Devices;

/// <summary>A device whose memory the host can't see: what a collective needs must go by upload and download.</summary>
internal class DistantDevice : IComputeDevice
{
    private readonly CpuDevice _near = new();

    public string Name => "distant";

    public DeviceClass DeviceClass => new("distant");

    public DeviceBuffer<T> Allocate<T>(int length)
        where T : unmanaged, IFloatingPointIeee754<T> => new DistantBuffer<T>(this, _near.Allocate<T>(length));

    public void Gemm<T>(
        MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k,
        T alpha, DeviceSlice<T> a, DeviceSlice<T> b, T beta, DeviceSlice<T> c)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        _near.Gemm(operationA, operationB, m, n, k, alpha, Near(a), Near(b), beta, Near(c));

    public void Add<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T> => _near.Add(Near(source), Near(destination));

    public void Scale<T>(DeviceSlice<T> destination, T factor)
        where T : unmanaged, IFloatingPointIeee754<T> => _near.Scale(Near(destination), factor);

    public void Copy<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T> => _near.Copy(Near(source), Near(destination));

    public DeviceEvent RecordEvent() => _near.RecordEvent();

    public bool TryGetElapsedNs(DeviceEvent from, DeviceEvent to, out long elapsedNs) => _near.TryGetElapsedNs(from, to, out elapsedNs);

    public void Dispose()
    {
        _near.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The elements behind the host's back.</summary>
    protected static DeviceSlice<T> Near<T>(DeviceSlice<T> slice)
        where T : unmanaged, IFloatingPointIeee754<T> => ((DistantBuffer<T>)slice.Buffer).Near.Slice(slice.Offset, slice.Length);

    private sealed class DistantBuffer<T>(DistantDevice device, DeviceBuffer<T> near) : DeviceBuffer<T>(device, near.Length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public DeviceBuffer<T> Near => near;

        public override bool IsHostVisible => false;

        public override Span<T> HostSpan => throw new NotSupportedException("out of the host's sight");

        public override void Upload(ReadOnlySpan<T> source, int offset = 0) => near.Upload(source, offset);

        public override void Download(Span<T> destination, int offset = 0) => near.Download(destination, offset);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                near.Dispose();
            }
        }
    }
}
