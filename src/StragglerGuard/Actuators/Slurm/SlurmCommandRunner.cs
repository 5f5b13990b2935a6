using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace StragglerGuard.Actuators.Slurm;

/// <summary>Runs Slurm's commands with an argument list, a time limit and an environment that holds nothing of ours.</summary>
internal sealed class SlurmCommandRunner(SlurmActuatorOptions options) : ICommandRunner
{
    // sbatch hands its environment on to the job, and Slurm's commands change their output by variables (SQUEUE_FORMAT …): only what a
    // program needs to run at all goes along, no secret and no setting.
    private static readonly string[] s_passedOn = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LD_LIBRARY_PATH", "SLURM_CONF"];

    public async ValueTask<CommandResult> RunAsync(
        string program, IReadOnlyList<string> arguments, string? workingDirectory, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(options.CommandFolder.Length == 0 ? program : Path.Combine(options.CommandFolder, program), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            UseShellExecute = false,
            WorkingDirectory = workingDirectory ?? "",
        };
        foreach (var name in start.Environment.Keys.Except(s_passedOn, StringComparer.Ordinal).ToArray())
        {
            start.Environment.Remove(name);
        }

        if (options.ConfigurationFile.Length > 0)
        {
            start.Environment["SLURM_CONF"] = options.ConfigurationFile;
        }

        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (Exception e) when (e is Win32Exception or DirectoryNotFoundException)
        {
            return new CommandResult(null, "", $"{program} can't be started: {e.Message}");
        }

        process.StandardInput.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.CommandTimeout);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await Task.WhenAll(output, error, process.WaitForExitAsync(limit.Token)).ConfigureAwait(false);
            return new CommandResult(process.ExitCode, await output.ConfigureAwait(false), await error.ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            End(process);
            cancellationToken.ThrowIfCancellationRequested();
            return new CommandResult(
                null, "", string.Create(CultureInfo.InvariantCulture, $"{program} took longer than {options.CommandTimeout.TotalSeconds:0.##} s and was ended"));
        }
    }

    private static void End(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It ended meanwhile.
        }
    }
}
