using System.Buffers.Text;

namespace StragglerGuard.Traces;

/// <summary>Reads numbers of recordings from UTF-8 text.</summary>
internal static class DecimalText
{
    private const long SecondsMax = long.MaxValue / 1_000_000_000 - 1;

    /// <summary>Seconds to ns, exact to the last digit of a ns, rounded half up in magnitude.</summary>
    public static bool TryParseSeconds(ReadOnlySpan<byte> text, out long ns)
    {
        ns = 0;
        ReadOnlySpan<byte> digits = text is [(byte)'-' or (byte)'+', ..] ? text[1..] : text;
        long seconds = 0;
        long fractionNs = 0;
        int place = -1;
        int count = 0;
        foreach (byte character in digits)
        {
            int digit = character - '0';
            if ((uint)digit > 9)
            {
                if (character != '.' || place >= 0)
                {
                    return TryParseFloating(text, out ns);
                }

                place = 0;
                continue;
            }

            count++;
            if (place < 0)
            {
                seconds = (seconds * 10) + digit;
                if (seconds > SecondsMax)
                {
                    return false;
                }
            }
            else if (place < 9)
            {
                fractionNs = (fractionNs * 10) + digit;
                place++;
            }
            else if (place == 9)
            {
                fractionNs += digit >= 5 ? 1 : 0;
                place++;
            }
        }

        if (count == 0)
        {
            return false;
        }

        for (; place is >= 0 and < 9; place++)
        {
            fractionNs *= 10;
        }

        ns = (seconds * 1_000_000_000) + fractionNs;
        ns = text[0] == '-' ? -ns : ns;
        return true;
    }

    /// <summary>A whole number, also as <c>3.0</c>, which is how tables with gaps are written.</summary>
    public static bool TryParseWhole(ReadOnlySpan<byte> text, out long value)
    {
        if (!Utf8Parser.TryParse(text, out value, out int consumed))
        {
            return false;
        }

        ReadOnlySpan<byte> rest = text[consumed..];
        return rest.IsEmpty || (rest[0] == '.' && rest[1..].IndexOfAnyExcept((byte)'0') < 0);
    }

    private static bool TryParseFloating(ReadOnlySpan<byte> text, out long ns)
    {
        ns = 0;
        if (!Utf8Parser.TryParse(text, out double seconds, out int consumed) || consumed != text.Length || !(Math.Abs(seconds) <= SecondsMax))
        {
            return false;
        }

        ns = (long)Math.Round(seconds * 1e9);
        return true;
    }
}
