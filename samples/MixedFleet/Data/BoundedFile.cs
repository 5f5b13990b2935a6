using System.Diagnostics.CodeAnalysis;

namespace MixedFleet.Data;

/// <summary>Reads a file that a user named, up to a bound, and words what stands in the way.</summary>
internal static class BoundedFile
{
    /// <summary>Why no file can be written there, as far as it shows without writing; null where one can.</summary>
    /// <param name="path">As the user gave it; not empty.</param>
    public static string? FindFaultOfNew(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        string? folder = Path.GetDirectoryName(Path.GetFullPath(path));
        return Directory.Exists(path) ? "is a directory, not a file"
            : !Directory.Exists(folder) ? $"the folder {folder} does not exist"
            : null;
    }

    /// <summary>Reads the first bytes of a file.</summary>
    /// <param name="path">As the user gave it.</param>
    /// <param name="bytesMax">Bytes to read at most.</param>
    /// <param name="bytes">What was read.</param>
    /// <param name="error">One line that names the file and what is wrong.</param>
    /// <returns>Whether the file could be read. An empty file can.</returns>
    public static bool TryRead(string path, int bytesMax, [NotNullWhen(true)] out byte[]? bytes, [NotNullWhen(false)] out string? error)
    {
        bytes = null;
        error = null;
        if (string.IsNullOrWhiteSpace(path))
        {
            error = "the name of a file is empty";
            return false;
        }

        if (Directory.Exists(path))
        {
            error = $"{path}: is a directory, not a file";
            return false;
        }

        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);

            // The length of a pipe or a device is not known: it only sizes the first buffer.
            using MemoryStream content = new(stream.CanSeek ? (int)Math.Min(stream.Length, bytesMax) : 0);
            byte[] chunk = new byte[Math.Min(bytesMax, 64 * 1024)];
            while (content.Length < bytesMax)
            {
                int read = stream.Read(chunk, 0, (int)Math.Min(chunk.Length, bytesMax - content.Length));
                if (read == 0)
                {
                    break;
                }

                content.Write(chunk, 0, read);
            }

            bytes = content.ToArray();
            return true;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            error = $"{path}: no such file";
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            error = $"{path}: can't be read: {exception.Message}";
        }

        return false;
    }
}
