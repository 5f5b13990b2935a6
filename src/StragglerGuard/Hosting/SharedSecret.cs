using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace StragglerGuard.Hosting;

/// <summary>
/// A key that two sides share, and sign with: it never travels itself. Nothing reads it back: not text, not an exception, not a serializer.
/// </summary>
public sealed class SharedSecret
{
    private const int BytesMin = 16;
    private const int BytesMax = 4_096;

    private readonly byte[] _key;

    private SharedSecret(byte[] key) => _key = key;

    /// <summary>Reads the secret from a file; one line end behind it doesn't count.</summary>
    /// <param name="path">The file: 16 to 4,096 bytes.</param>
    /// <param name="secret">The secret; null where there is none.</param>
    /// <param name="problem">Why there is none; null where there is one.</param>
    /// <returns>Whether there is one.</returns>
    public static bool TryReadFile(string path, [NotNullWhen(true)] out SharedSecret? secret, [NotNullWhen(false)] out string? problem)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        secret = null;
        try
        {
            using var stream = File.OpenRead(path);
            var room = new byte[BytesMax + 3];
            var length = stream.ReadAtLeast(room, room.Length, throwOnEndOfStream: false);
            return TryMake(room.AsSpan(0, length), $"the secret in {path}", out secret, out problem);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            problem = $"the secret can't be read: {e.Message}";
            return false;
        }
    }

    /// <summary>Reads the secret from an environment variable.</summary>
    /// <param name="name">The variable's name.</param>
    /// <param name="secret">The secret; null where there is none.</param>
    /// <param name="problem">Why there is none; null where there is one.</param>
    /// <returns>Whether there is one.</returns>
    public static bool TryReadEnvironment(string name, [NotNullWhen(true)] out SharedSecret? secret, [NotNullWhen(false)] out string? problem)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        secret = null;
        if (Environment.GetEnvironmentVariable(name) is not { } text)
        {
            problem = $"the environment variable {name}, which should hold the secret, is not set";
            return false;
        }

        return TryMake(Encoding.UTF8.GetBytes(text), $"the secret in the environment variable {name}", out secret, out problem);
    }

    /// <summary>Reads the secret from wherever options name it.</summary>
    /// <param name="file">The option for a file, and what it says; one of the two says something.</param>
    /// <param name="variable">The option for an environment variable, and what it says.</param>
    /// <param name="problems">Takes a sentence where there is no secret.</param>
    internal static SharedSecret? Read((string Key, string Value) file, (string Key, string Value) variable, List<string> problems)
    {
        if (file.Value.Length > 0 && variable.Value.Length > 0)
        {
            problems.Add($"{file.Key}: {variable.Key} is set, too; a secret has one place");
            return null;
        }

        var isThere = file.Value.Length > 0
            ? TryReadFile(file.Value, out SharedSecret? secret, out string? problem)
            : TryReadEnvironment(variable.Value, out secret, out problem);
        if (!isThere)
        {
            problems.Add($"{(file.Value.Length > 0 ? file.Key : variable.Key)}: {problem}");
        }

        return secret;
    }

    /// <inheritdoc/>
    public override string ToString() => "(secret)";

    /// <summary>Makes a secret of bytes; the caller clears them.</summary>
    internal static bool TryMake(ReadOnlySpan<byte> bytes, string what, [NotNullWhen(true)] out SharedSecret? secret, [NotNullWhen(false)] out string? problem)
    {
        var key = bytes.EndsWith("\r\n"u8) ? bytes[..^2] : bytes.EndsWith("\n"u8) ? bytes[..^1] : bytes;
        if (key.Length is < BytesMin or > BytesMax)
        {
            secret = null;
            problem = string.Create(CultureInfo.InvariantCulture, $"{what} must have {BytesMin} to {BytesMax} bytes");
            return false;
        }

        secret = new SharedSecret(key.ToArray());
        problem = null;
        return true;
    }

    /// <summary>HMAC-SHA256 over the time, a dot and the body, in hexadecimal.</summary>
    /// <seealso href="https://www.rfc-editor.org/rfc/rfc2104">RFC 2104</seealso>
    internal string Sign(string timestamp, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key);
        hash.AppendData(Encoding.ASCII.GetBytes(timestamp));
        hash.AppendData("."u8);
        hash.AppendData(body);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
