namespace StragglerGuard.Hosting;

/// <summary>What somebody who wrote an unknown key may have meant.</summary>
internal static class KeySuggestion
{
    /// <summary>The nearest key of the same section; else the same name in another one; else nothing.</summary>
    internal static string For(string name, string prefix)
    {
        var here = AllKeys(OptionTable.Root).Where(key => key.Path == prefix + key.Key).ToList();
        var nearest = here.MinBy(key => Distance(key.Key, name));


        // Two edits make nearly any word of three letters of another.
        if (nearest is not null && Distance(nearest.Key, name) <= (name.Length < 4 ? 1 : Math.Max(2, name.Length / 3)))
        {
            return $": did you mean \"{nearest.Path}\"?";
        }

        var elsewhere = AllKeys(OptionTable.Root).FirstOrDefault(key => string.Equals(key.Key, name, StringComparison.OrdinalIgnoreCase));
        return elsewhere is not null
            ? $": did you mean \"{elsewhere.Path}\"?"
            : $": allowed are {string.Join(", ", here.Select(key => key.Key))}";
    }

    private static IEnumerable<OptionKey> AllKeys(OptionTable table) =>
        table.Keys.SelectMany(key => key.Section is null ? [key] : AllKeys(key.Section).Prepend(key));

    /// <summary>Edits between two names (Levenshtein), letter case aside.</summary>
    private static int Distance(string a, string b)
    {
        var row = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var substitution = diagonal + (char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substitution, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
