using System.Diagnostics;
using System.Globalization;

namespace StragglerGuard.EndToEnd.Tests.Failover;

/// <summary>
/// Cuts a process off from all others of this machine, in both directions, with or without its way to the database. Told apart by group: each
/// process has one of its own.
/// </summary>
/// <remarks>
/// Every connection that a process opens, or that is opened to its port, is marked as it begins, and what bears the mark is dropped while the
/// process is cut off: also what others send on a connection that the process has opened. The table of rules bears the number of the tests'
/// process; those of processes that are no more are deleted.
/// </remarks>
internal sealed class LoopbackPartition : IDisposable
{
    private const string Prefix = "stragglerguard_test_";

    private readonly string _table = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}");
    private readonly uint _base = (uint)Environment.ProcessId << 8;

    /// <summary>Makes the rules; nothing is cut off.</summary>
    /// <param name="ports">Where the processes listen, each with the group of its number.</param>
    /// <param name="databasePort">Where the database does.</param>
    public LoopbackPartition(IReadOnlyList<int> ports, int databasePort)
    {
        DeleteThoseLeftOver();
        IEnumerable<string> rules = ports.SelectMany((port, number) => new[]
        {
            Say($"meta skgid {GroupOf(number)} tcp dport {databasePort} ct mark set ct mark or {DatabaseMark(number)}"),
            Say($"meta skgid {GroupOf(number)} tcp dport != {databasePort} ct mark set ct mark or {Mark(number)}"),
            Say($"tcp dport {port} ct mark set ct mark or {Mark(number)}"),
        });
        Execute($$"""
            table inet {{_table}} {
              chain marks {
                type filter hook output priority -10;
                {{string.Join("\n", rules)}}
              }
              chain cuts {
                type filter hook output priority 0;
              }
            }
            """);
    }

    /// <summary>Why there can be none here; null where there can.</summary>
    public static string? AbsentReason =>
        !Environment.IsPrivilegedProcess ? "network rules are for root only"
        : Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, "nft"))) ? null
        : "nft is not on the PATH (package nftables, installed by tests/setup.sh)";

    /// <summary>The group that a process is to run in, so that it is told apart.</summary>
    public static int GroupOf(int number) => 100_000 + (4 * Environment.ProcessId) + number;

    /// <summary>Cuts one off.</summary>
    /// <param name="number">Which.</param>
    /// <param name="alsoFromDatabase">Whether it is cut off from the database, too.</param>
    public void Isolate(int number, bool alsoFromDatabase)
    {
        // One transaction: both at the same time.
        string database = alsoFromDatabase ? Cut(DatabaseMark(number)) : "";
        Execute(Cut(Mark(number)) + database);
    }

    /// <summary>Nobody is cut off any more.</summary>
    public void Heal() => Execute($"flush chain inet {_table} cuts");

    public void Dispose() => Execute($"delete table inet {_table}");

    private string Cut(uint mark) => Say($"add rule inet {_table} cuts ct mark and {mark} == {mark} drop\n");

    private uint Mark(int number) => _base | (1u << number);

    private uint DatabaseMark(int number) => _base | (16u << number);

    private static void DeleteThoseLeftOver()
    {
        foreach (string line in Execute("list tables").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string table = line.Split(' ')[^1];
            if (table.StartsWith(Prefix, StringComparison.Ordinal) && !Directory.Exists($"/proc/{table[Prefix.Length..]}"))
            {
                Execute($"delete table inet {table}");
            }
        }
    }

    private static string Execute(string rules)
    {
        using Process nft = Process.Start(new ProcessStartInfo("nft", ["-f", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        nft.StandardInput.Write(rules + "\n");
        nft.StandardInput.Close();
        Task<string> errors = nft.StandardError.ReadToEndAsync();
        string output = nft.StandardOutput.ReadToEnd();
        nft.WaitForExit();
        return nft.ExitCode == 0 ? output : throw new InvalidOperationException($"nft refused:\n{rules}\n{errors.GetAwaiter().GetResult()}");
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
