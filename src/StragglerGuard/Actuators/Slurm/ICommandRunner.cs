namespace StragglerGuard.Actuators.Slurm;

/// <summary>What came of a command.</summary>
/// <param name="ExitCode">Its exit code; null where it never started or was ended for taking too long.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Error">Its standard error, or why there is no exit code.</param>
internal sealed record CommandResult(int? ExitCode, string Output, string Error)
{
    internal bool IsSuccess => ExitCode == 0;
}

/// <summary>Starts programs: the boundary to the operating system.</summary>
internal interface ICommandRunner
{
    /// <summary>Runs a program to its end.</summary>
    /// <param name="program">Its name.</param>
    /// <param name="arguments">One by one; no shell reads them.</param>
    /// <param name="workingDirectory">Where it runs; null: here.</param>
    /// <param name="cancellationToken">Ends it.</param>
    ValueTask<CommandResult> RunAsync(
        string program, IReadOnlyList<string> arguments, string? workingDirectory, CancellationToken cancellationToken);
}
