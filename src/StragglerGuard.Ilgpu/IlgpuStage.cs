using ILGPU;
using ILGPU.Runtime;
using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Ilgpu;

/// <summary>Host memory that a GPU copies to and from without the driver's own copy in between: page-locked, for all devices of the process.</summary>
internal sealed class IlgpuStage(Accelerator accelerator, int bytes) : HostStage
{
    private readonly PageLockedArray1D<byte> _memory = accelerator.AllocatePageLocked1D<byte>(bytes, uninitialized: false);

    /// <inheritdoc/>
    public override Span<byte> Bytes => _memory.Span;

    /// <summary>Its beginning, as devices copy it.</summary>
    /// <param name="length">Elements.</param>
    public unsafe ArrayView<T> View<T>(int length)
        where T : unmanaged => _memory.ArrayView.SubView(0, (long)length * sizeof(T)).Cast<T>();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            NativeFaults.Pass(_memory.Dispose);
        }
    }
}

/// <summary>Host memory of the ordinary kind, for devices that gain nothing from another.</summary>
internal sealed class OrdinaryStage(int bytes) : HostStage
{
    private readonly byte[] _memory = new byte[bytes];

    /// <inheritdoc/>
    public override Span<byte> Bytes => _memory;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // The collector's.
    }
}
