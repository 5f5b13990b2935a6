using System.Globalization;

namespace StragglerGuard.Ledger;

/// <summary>
/// The claim to write a ledger's file: a lock of the operating system on a file beside it, free again when the process is gone, however it
/// went. Who holds it stands in another file, since a locked one can't be read everywhere.
/// </summary>
internal sealed class LedgerFileClaim : IDisposable
{
    // Sharing violation: EWOULDBLOCK on Linux and on BSDs, ERROR_SHARING_VIOLATION.
    private const int WouldBlockLinux = 11;
    private const int WouldBlockBsd = 35;
    private const int SharingViolation = unchecked((int)0x80070020);
    private const int HolderLengthMax = 200;

    private readonly FileStream _lock;
    private readonly string _holderPath;

    private LedgerFileClaim(FileStream claimed, string holderPath)
    {
        _lock = claimed;
        _holderPath = holderPath;
    }

    /// <summary>Takes the claim.</summary>
    /// <param name="path">The ledger's file, as an absolute path without links.</param>
    /// <exception cref="LedgerClaimedException">Another has it.</exception>
    /// <exception cref="IOException">The folder can't be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public static LedgerFileClaim Take(string path)
    {
        string holderPath = path + "-holder";
        FileStream? claimed = null;
        try
        {
            claimed = new FileStream(path + "-claim", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            string holder = string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} on {Environment.MachineName}");
            File.WriteAllText(holderPath, holder);
            return new LedgerFileClaim(claimed, holderPath);
        }
        catch (IOException fault) when (claimed is null && fault.HResult is WouldBlockLinux or WouldBlockBsd or SharingViolation)
        {
            throw new LedgerClaimedException(path, Holder(holderPath));
        }
        catch
        {
            claimed?.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        // The locked file stays: were it removed, two could each lock a file of that name.
        try
        {
            File.Delete(_holderPath);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It is for people only, and the next holder overwrites it.
        }

        _lock.Dispose();
    }

    private static string Holder(string holderPath)
    {
        try
        {
            string holder = File.ReadAllText(holderPath);
            return holder.Length is > 0 and <= HolderLengthMax && !holder.Any(char.IsControl) ? holder : "another process";
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return "another process";
        }
    }
}
