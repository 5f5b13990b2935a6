namespace StragglerGuard.Hosting;

/// <summary>One thing that is wrong with the options.</summary>
/// <param name="Source">The file, or whatever name the text was given.</param>
/// <param name="Line">1-based; 0 where the fault has no place in a text.</param>
/// <param name="Position">Byte within the line, 1-based; 0 where the fault has no place in a text.</param>
/// <param name="KeyPath">The key with its sections, such as <c>agent.intervalMs</c>; empty where the fault concerns the whole.</param>
/// <param name="Problem">What was found and what is allowed.</param>
public sealed record OptionsError(string Source, int Line, int Position, string KeyPath, string Problem)
{
    /// <summary>One line for a person: place, key, what was found, what is allowed.</summary>
    public override string ToString()
    {
        var place = Line == 0 ? Source : $"{Source}:{Line}:{Position}";
        return KeyPath.Length == 0 ? $"{place}: {Problem}" : $"{place}: {KeyPath}: {Problem}";
    }
}

/// <summary>Options that hold, or everything that is wrong with them.</summary>
/// <param name="Options">The options; null where there are errors.</param>
/// <param name="Errors">Every error, in the order of the text; empty where there are options.</param>
public sealed record OptionsOutcome(StragglerGuardOptions? Options, IReadOnlyList<OptionsError> Errors);
