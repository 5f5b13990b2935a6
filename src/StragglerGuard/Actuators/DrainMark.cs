using System.Diagnostics.CodeAnalysis;

namespace StragglerGuard.Actuators;

/// <summary>
/// The reason that StragglerGuard gives where it takes a node out of service: <c>stragglerguard:KEY text</c>. By it the next guardian,
/// whichever process it is, tells its own drains from those of people and other tools, which it never lifts.
/// </summary>
public static class DrainMark
{
    /// <summary>What every such reason begins with.</summary>
    public const string Prefix = "stragglerguard:";

    internal const int KeyLengthMax = 64;

    // Schedulers cut long reasons, some silently: what is compared must survive.
    private const int TextLengthMax = 160;

    /// <summary>Whether a reason is one of StragglerGuard's.</summary>
    /// <param name="reason">The reason; null counts as nobody's.</param>
    public static bool IsOurs([NotNullWhen(true)] string? reason) => TryReadKey(reason, out _);

    /// <summary>The key of the action that a reason belongs to.</summary>
    /// <param name="reason">The reason.</param>
    /// <param name="actionKey">The key; null where the reason isn't StragglerGuard's.</param>
    /// <returns>Whether it is.</returns>
    public static bool TryReadKey([NotNullWhen(true)] string? reason, [NotNullWhen(true)] out string? actionKey)
    {
        actionKey = null;
        if (reason is null || !reason.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        var rest = reason.AsSpan(Prefix.Length);
        var end = rest.IndexOf(' ');
        var key = end < 0 ? rest : rest[..end];
        if (!IsKey(key))
        {
            return false;
        }

        actionKey = key.ToString();
        return true;
    }

    /// <summary>The reason for an action. Characters that a scheduler's text format can't hold become spaces or apostrophes; a long text is cut.</summary>
    internal static string Compose(string actionKey, string text)
    {
        ThrowIfNoKey(actionKey);
        ArgumentNullException.ThrowIfNull(text);
        var clean = string.Create(Math.Min(text.Length, TextLengthMax), text, static (span, from) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                // ASCII only: half a surrogate pair at the cut, or another encoding at the other side, would change the text on its way.
                span[i] = from[i] switch
                {
                    '"' or '`' => '\'',
                    '\\' => '/',
                    >= ' ' and <= '~' => from[i],
                    < ' ' or '\u007f' => ' ',
                    _ => '?',
                };
            }
        }).Trim();
        return clean.Length == 0 ? Prefix + actionKey : $"{Prefix}{actionKey} {clean}";
    }

    internal static void ThrowIfNoKey(string actionKey)
    {
        ArgumentException.ThrowIfNullOrEmpty(actionKey);
        if (!IsKey(actionKey))
        {
            throw new ArgumentException(
                $"An action key is 1 to {KeyLengthMax} letters, digits, dots, underscores or dashes, not '{actionKey}'.", nameof(actionKey));
        }
    }

    private static bool IsKey(ReadOnlySpan<char> key)
    {
        if (key.Length is 0 or > KeyLengthMax)
        {
            return false;
        }

        foreach (var c in key)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))
            {
                return false;
            }
        }

        return true;
    }
}
