using System.Numerics;
using System.Runtime.InteropServices;
using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Collectives.Tests.Devices;

/// <summary>A <see cref="DistantDevice"/> that reads the memory of some of its like.</summary>
/// <param name="canRead">Whose.</param>
internal sealed class NearbyDevice(Func<IComputeDevice, bool> canRead) : DistantDevice, IPeerDevice
{
    /// <summary>Sums formed here of what another device holds.</summary>
    public int Additions { get; private set; }

    /// <summary>Vectors handed to a device that can't read them.</summary>
    public int Stored { get; private set; }

    /// <summary>Called while this device reads another's memory.</summary>
    public Action OnRead { get; init; } = static () => { };

    public bool CanRead(IComputeDevice peer) => canRead(peer);

    public void AddFrom<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        OnRead();
        Additions++;
        var from = Near(source).HostSpan;
        var to = Near(destination).HostSpan;
        for (var i = 0; i < to.Length; i++)
        {
            to[i] += from[i];
        }
    }

    public void CopyFrom<T>(DeviceSlice<T> source, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        OnRead();
        Near(source).HostSpan.CopyTo(Near(destination).HostSpan);
    }

    public HostStage CreateStage(int bytes) => new Stage(bytes);

    public void Store<T>(DeviceSlice<T> source, HostStage stage)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Stored++;
        MemoryMarshal.AsBytes(Near(source).HostSpan).CopyTo(stage.Bytes);
    }

    public void Load<T>(HostStage stage, DeviceSlice<T> destination)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        MemoryMarshal.Cast<byte, T>(stage.Bytes)[..destination.Length].CopyTo(Near(destination).HostSpan);

    public void Synchronize()
    {
        // Done when the call returned.
    }

    private sealed class Stage(int bytes) : HostStage
    {
        private byte[]? _bytes = new byte[bytes];

        public override Span<byte> Bytes => _bytes ?? throw new ObjectDisposedException(nameof(Stage));

        protected override void Dispose(bool disposing) => _bytes = null;
    }
}
