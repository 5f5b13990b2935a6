namespace MixedFleet.CommandLine;

/// <summary>What a guard has against its options, in the words of a command line.</summary>
internal static class OptionFaults
{
    /// <summary>A line for each fault, which names the file that is to be changed.</summary>
    /// <param name="file">The options' file; null where none was given.</param>
    /// <param name="refused">What the guard threw.</param>
    public static string Say(string? file, Exception refused)
    {
        // .NET puts the name of a parameter, which is no user's business, behind the message of an argument.
        string message = refused is ArgumentException { ParamName: { } name }
            ? refused.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal)
            : refused.Message;
        return string.Join(
            Environment.NewLine,
            message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => $"{file ?? "MixedFleet"}: {line}"));
    }
}
