using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace StragglerGuard.EndToEnd.Tests.Running;

/// <summary>The processes of one run: those that inherited its mark, whoever their parent is by now.</summary>
internal static partial class MarkedProcesses
{
    /// <summary>The environment variable that holds the mark.</summary>
    public const string Variable = "STRAGGLERGUARD_TEST_RUN";

    public const int Terminate = 15;

    public const int Kill = 9;

    /// <summary>The processes that live; a zombie has no environment any more, and does not count.</summary>
    public static IReadOnlyList<int> Find(string mark)
    {
        byte[] entry = Encoding.ASCII.GetBytes($"{Variable}={mark}\0");
        List<int> found = [];
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
                && EnvironmentOf(folder).IndexOf(entry) >= 0)
            {
                found.Add(pid);
            }
        }

        return found;
    }

    /// <summary>Sends a signal to a process that this test started.</summary>
    /// <returns>Whether there was such a process.</returns>
    public static bool Signal(int pid, int signal) => SendSignal(pid, signal) == 0;

    private static ReadOnlySpan<byte> EnvironmentOf(string folder)
    {
        try
        {
            return File.ReadAllBytes(Path.Combine(folder, "environ"));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It ended meanwhile, or is another user's: none of ours.
            return [];
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int pid, int signal);
}
