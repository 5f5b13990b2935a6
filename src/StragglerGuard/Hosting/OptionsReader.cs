using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace StragglerGuard.Hosting;

/// <summary>
/// Reads options from JSON (comments and trailing commas allowed) and reports everything that is wrong with them at once. A key that is
/// left out has its default.
/// </summary>
public static class OptionsReader
{
    /// <summary>The largest file that is read; a larger one is no configuration.</summary>
    /// <value>Bytes.</value>
    public const int MaximumBytes = 1 << 20;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file, UTF-8.</param>
    /// <returns>The options, or every error: a file that isn't there or can't be read, malformed JSON (with line and position), unknown and duplicate keys, wrong types, values out of range.</returns>
    public static OptionsOutcome ReadFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] bytes;
        try
        {
            if (Directory.Exists(path))
            {
                return Refuse(path, "is a directory, a JSON file is needed");
            }

            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var room = new byte[MaximumBytes + 1];
            var length = stream.ReadAtLeast(room, room.Length, throwOnEndOfStream: false);
            if (length > MaximumBytes)
            {
                return Refuse(path, $"is larger than {MaximumBytes} bytes, which no configuration needs");
            }

            bytes = room[..length];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Refuse(path, "does not exist");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            return Refuse(path, $"can't be read: {e.Message}");
        }

        return ReadBytes(path, bytes);
    }

    /// <summary>Reads a text.</summary>
    /// <param name="json">The JSON.</param>
    /// <param name="source">What the errors call it.</param>
    /// <returns>The options, or every error.</returns>
    public static OptionsOutcome ReadText(string json, string source = "options")
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentException.ThrowIfNullOrEmpty(source);
        return ReadBytes(source, Encoding.UTF8.GetBytes(json));
    }

    /// <summary>Checks options that were made in code against the same ranges.</summary>
    /// <param name="options">The options.</param>
    /// <param name="source">What the errors call them.</param>
    /// <returns>The same options, or every error.</returns>
    public static OptionsOutcome Check(StragglerGuardOptions options, string source = "options")
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrEmpty(source);
        var errors = new List<OptionsError>();
        CheckSection(OptionTable.Root, options, source, errors);
        return errors.Count == 0 ? new OptionsOutcome(options, []) : new OptionsOutcome(null, errors);
    }

    private static void CheckSection(OptionTable table, object section, string source, List<OptionsError> errors)
    {
        foreach (var key in table.Keys)
        {
            var value = key.Property.GetValue(section);
            if (value is null)
            {
                if (!key.IsNullable)
                {
                    errors.Add(new OptionsError(source, 0, 0, key.Path, $"found null, allowed is {key.Allowed}"));
                }
            }
            else if (key.Section is not null)
            {
                CheckSection(key.Section, value, source, errors);
            }
            else if (!key.Option!.Allows(value))
            {
                errors.Add(new OptionsError(source, 0, 0, key.Path, $"found {Quote(key.Option, value)}, allowed is {key.Allowed}"));
            }
        }
    }

    /// <summary>A value as it would stand in a file.</summary>
    private static string Quote(OptionAttribute option, object value) => value switch
    {
        string when option.IsSecret => "another text",
        string text => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"",
        _ => FormattableString.Invariant($"{value}"),
    };

    private static OptionsOutcome ReadBytes(string source, byte[] bytes)
    {
        var json = bytes.AsSpan();
        if (json.StartsWith("\uFEFF"u8))
        {
            json = json[3..];
        }

        if (!Utf8.IsValid(json))
        {
            return Refuse(source, "is not UTF-8 text");
        }

        return new JsonOptionsParser(source, json).Parse();
    }

    private static OptionsOutcome Refuse(string source, string problem) =>
        new(null, [new OptionsError(source, 0, 0, "", problem)]);
}
