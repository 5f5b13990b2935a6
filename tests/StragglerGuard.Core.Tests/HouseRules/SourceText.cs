using System.Text;

namespace StragglerGuard.Core.Tests.HouseRules;

/// <summary>C# source with comments and literals blanked out, line breaks kept, so that what is left is code at its line.</summary>
/// <remarks>The code inside the holes of an interpolated string is blanked with it: no rule of ours needs it, and a lexer of a hundred lines would.</remarks>
internal static class SourceText
{
    public static string CodeOnly(string source)
    {
        var code = new StringBuilder(source.Length);
        int i = 0;
        while (i < source.Length)
        {
            int end = EndOfTrivia(source, i);
            if (end == i)
            {
                code.Append(source[i++]);
                continue;
            }

            for (; i < end; i++)
            {
                code.Append(source[i] == '\n' ? '\n' : ' ');
            }
        }

        return code.ToString();
    }

    // Where the comment or literal that begins here ends; here, if none does.
    private static int EndOfTrivia(string source, int start)
    {
        if (At(source, start, "//"))
        {
            int newline = source.IndexOf('\n', start);
            return newline < 0 ? source.Length : newline;
        }

        if (At(source, start, "/*"))
        {
            int close = source.IndexOf("*/", start + 2, StringComparison.Ordinal);
            return close < 0 ? source.Length : close + 2;
        }

        if (source[start] == '\'')
        {
            return EndOfEscaped(source, start + 1, '\'');
        }

        int quote = start;
        while (quote < source.Length && source[quote] is '$' or '@')
        {
            quote++;
        }

        if (quote >= source.Length || source[quote] != '"')
        {
            return start;
        }

        int quotes = 0;
        while (quote + quotes < source.Length && source[quote + quotes] == '"')
        {
            quotes++;
        }

        string prefix = source[start..quote];
        return quotes >= 3 ? EndOfRaw(source, quote + quotes, quotes)
            : quotes == 2 ? quote + 2
            : prefix.Contains('@') ? EndOfVerbatim(source, quote + 1)
            : prefix.Contains('$') ? EndOfInterpolated(source, quote + 1)
            : EndOfEscaped(source, quote + 1, '"');
    }

    private static int EndOfRaw(string source, int start, int quotes)
    {
        int close = source.IndexOf(new string('"', quotes), start, StringComparison.Ordinal);
        return close < 0 ? source.Length : close + quotes;
    }

    private static int EndOfVerbatim(string source, int start)
    {
        for (int i = start; i < source.Length; i++)
        {
            if (source[i] == '"')
            {
                if (i + 1 >= source.Length || source[i + 1] != '"')
                {
                    return i + 1;
                }

                i++;
            }
        }

        return source.Length;
    }

    // A hole may hold strings with quotes of their own.
    private static int EndOfInterpolated(string source, int start)
    {
        int depth = 0;
        int i = start;
        while (i < source.Length)
        {
            char c = source[i];
            if (depth > 0 && EndOfTrivia(source, i) is int end && end > i)
            {
                i = end;
                continue;
            }

            if (depth == 0 && (c == '\\' || At(source, i, "{{") || At(source, i, "}}")))
            {
                i += 2;
                continue;
            }

            if (c == '"' && depth == 0)
            {
                return i + 1;
            }

            depth += c == '{' ? 1 : c == '}' ? -1 : 0;
            i++;
        }

        return source.Length;
    }

    private static int EndOfEscaped(string source, int start, char quote)
    {
        for (int i = start; i < source.Length; i++)
        {
            if (source[i] == '\\')
            {
                i++;
            }
            else if (source[i] == quote)
            {
                return i + 1;
            }
        }

        return source.Length;
    }

    private static bool At(string source, int index, string text) => string.CompareOrdinal(source, index, text, 0, text.Length) == 0;
}
