using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace StragglerGuard.Actuators.Webhook;

/// <summary>The key that calls are signed with. Nothing reads it back: not text, not an exception, not a serializer.</summary>
public sealed class WebhookSecret
{
    private const int BytesMin = 16;
    private const int BytesMax = 4_096;

    private readonly byte[] _key;

    private WebhookSecret(byte[] key) => _key = key;

    /// <summary>Reads the secret from a file; one line end behind it doesn't count.</summary>
    /// <param name="path">The file: 16 to 4,096 bytes.</param>
    /// <param name="secret">The secret; null where there is none.</param>
    /// <param name="problem">Why there is none; null where there is one.</param>
    /// <returns>Whether there is one.</returns>
    public static bool TryReadFile(string path, [NotNullWhen(true)] out WebhookSecret? secret, [NotNullWhen(false)] out string? problem)
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
    public static bool TryReadEnvironment(string name, [NotNullWhen(true)] out WebhookSecret? secret, [NotNullWhen(false)] out string? problem)
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

    /// <inheritdoc/>
    public override string ToString() => "(secret)";

    /// <summary>Makes a secret of bytes; the caller clears them.</summary>
    internal static bool TryMake(ReadOnlySpan<byte> bytes, string what, [NotNullWhen(true)] out WebhookSecret? secret, [NotNullWhen(false)] out string? problem)
    {
        var key = bytes.EndsWith("\r\n"u8) ? bytes[..^2] : bytes.EndsWith("\n"u8) ? bytes[..^1] : bytes;
        if (key.Length is < BytesMin or > BytesMax)
        {
            secret = null;
            problem = string.Create(CultureInfo.InvariantCulture, $"{what} must have {BytesMin} to {BytesMax} bytes");
            return false;
        }

        secret = new WebhookSecret(key.ToArray());
        problem = null;
        return true;
    }

    /// <summary>HMAC-SHA256 over the time, a dot and the body, in hexadecimal.</summary>
    internal string Sign(string timestamp, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key);
        hash.AppendData(Encoding.ASCII.GetBytes(timestamp));
        hash.AppendData("."u8);
        hash.AppendData(body);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
