using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace MixedFleet.Launch;

/// <summary>This program as a process of the launcher's.</summary>
internal static class ChildProgram
{
    /// <summary>.NET reports a child ended by signal n as exit code 128 + n.</summary>
    private const int SignalBase = 128;

    /// <summary>Starts it; its standard input and output are the launcher's.</summary>
    /// <param name="words">The launcher's own command line.</param>
    /// <param name="role">What the process is to be: an option that only the launcher uses.</param>
    /// <returns>Null where it could not be started.</returns>
    public static Process? Start(IReadOnlyList<string> words, string role)
    {
        string self = Environment.ProcessPath ?? throw new InvalidOperationException("the program's own path is unknown");
        var start = new ProcessStartInfo(self) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(self).Equals("dotnet", StringComparison.OrdinalIgnoreCase))
        {
            start.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
        }

        foreach (string word in words)
        {
            start.ArgumentList.Add(word);
        }

        start.ArgumentList.Add(role);
        return Process.Start(start);
    }

    /// <summary>Whether an exit code tells of a signal.</summary>
    public static bool IsSignal(int exitCode) => exitCode > SignalBase;

    /// <summary>How it ended, in words that follow its name.</summary>
    public static string Ending(int exitCode) => IsSignal(exitCode)
        ? string.Create(CultureInfo.InvariantCulture, $"was ended by signal {exitCode - SignalBase}")
        : string.Create(CultureInfo.InvariantCulture, $"left with exit code {exitCode}");
}
