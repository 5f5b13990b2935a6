using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using StragglerGuard.Collectives.Transports;

namespace StragglerGuard.Collectives.Operations;

/// <summary>Adds what comes round the ring to this rank's part, chunk by chunk while the next is under way.</summary>
internal sealed unsafe class RingReducer<T> : IChunkReceiver
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private T* _target;
    private int _length;

    /// <summary>Where the next message is added; valid until that message has been received.</summary>
    public void AddTo(T* target, int length)
    {
        _target = target;
        _length = length;
    }

    /// <inheritdoc/>
    public void Receive(ReadOnlySpan<byte> chunk, int offset)
    {
        var addend = MemoryMarshal.Cast<byte, T>(chunk);
        var target = new Span<T>(_target, _length).Slice(offset / sizeof(T), addend.Length);
        TensorPrimitives.Add(addend, target, target);
    }
}
