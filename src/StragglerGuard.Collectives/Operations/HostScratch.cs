using System.Numerics;
using System.Runtime.InteropServices;

namespace StragglerGuard.Collectives.Operations;

/// <summary>Host memory that grows to the largest need and stays.</summary>
internal sealed unsafe class HostScratch : IDisposable
{
    private const nuint AlignmentBytes = 64;

    private byte* _memory;
    private long _bytes;

    ~HostScratch() => Free();

    /// <summary>At least so many elements; what was there before is lost if it has to grow.</summary>
    public Span<T> Take<T>(int length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var needed = (long)length * sizeof(T);
        if (needed > _bytes)
        {
            Free();
            _memory = (byte*)NativeMemory.AlignedAlloc((nuint)needed, AlignmentBytes);
            _bytes = needed;
        }

        return new Span<T>(_memory, length);
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        _bytes = 0;
    }
}
