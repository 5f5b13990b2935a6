using System.IO.Compression;

namespace StragglerGuard.Traces;

/// <summary>Opens recordings, packed or not.</summary>
internal static class TraceFile
{
    /// <summary>What reading a recording may throw that is no fault of the program.</summary>
    public static bool IsUnreadable(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or InvalidDataException or System.Security.SecurityException or NotSupportedException;

    /// <summary>Opens a file; one that starts with the gzip magic is unpacked as it is read, whatever its name.</summary>
    public static Stream Open(string path) => Unpacked(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan));

    /// <summary>Unpacks a stream that starts with the gzip magic; it must be able to seek. Owns it from then on.</summary>
    public static Stream Unpacked(Stream stream)
    {
        int first = stream.ReadByte();
        int second = stream.ReadByte();
        stream.Position = 0;
        return first == 0x1F && second == 0x8B ? new GZipStream(stream, CompressionMode.Decompress) : stream;
    }
}
