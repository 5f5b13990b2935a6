namespace StragglerGuard.Daemon.CommandLine;

/// <summary>What the program's exit status says; in the help and the README, too.</summary>
internal static class ExitCodes
{
    /// <summary>The input was judged, whatever was found in it.</summary>
    public const int Judged = 0;

    /// <summary>The result could not be written.</summary>
    public const int NotWritten = 1;

    /// <summary>What was asked for could not be measured; one message says why.</summary>
    public const int NotMeasured = 1;

    /// <summary>A program that runs until a signal failed for a reason of its own; one message says which.</summary>
    public const int Failed = 1;

    /// <summary>Arguments or the input can't be used; one message says why.</summary>
    public const int BadInput = 2;
}
