using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace StragglerGuard.Tests.Recording;

/// <summary>A region outside of the managed heap, as a sidecar's mapped file is, whose bytes a test can look at and damage.</summary>
internal sealed class MappedRegion : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    internal MappedRegion(long bytes)
    {
        _file = MemoryMappedFile.CreateNew(mapName: null, bytes);
        _view = _file.CreateViewAccessor();
    }

    internal SafeMemoryMappedViewHandle Handle => _view.SafeMemoryMappedViewHandle;

    internal MemoryMappedViewAccessor MapAgain() => _file.CreateViewAccessor();

    internal void Flip(long offset) => _view.Write(offset, (byte)(_view.ReadByte(offset) ^ 0x10));

    internal void Write(long offset, ulong word) => _view.Write(offset, word);

    internal byte[] Bytes(long offset, int count)
    {
        var bytes = new byte[count];
        _view.ReadArray(offset, bytes, 0, count);
        return bytes;
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
