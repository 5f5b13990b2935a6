namespace MixedFleet.CommandLine;

/// <summary>What the program's exit status says; in the README, too.</summary>
internal static class ExitCodes
{
    /// <summary>The job ran to its end.</summary>
    public const int Done = 0;

    /// <summary>The job failed for a reason of its own.</summary>
    public const int Failed = 1;

    /// <summary>Arguments, a file or a port can't be used; nothing was started.</summary>
    public const int BadInput = 2;

    /// <summary>A rank or the launcher died, or a rank never came to a collective.</summary>
    public const int RankLost = 3;

    /// <summary>Interrupted (SIGINT or SIGTERM).</summary>
    public const int Interrupted = 130;
}
