using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using StragglerGuard.Core;

namespace StragglerGuard.Ledger;

/// <summary>An entry as it is stored, in every kind of database alike.</summary>
/// <param name="Sequence">1, 2, 3 …</param>
/// <param name="At">UTC: 2026-01-31T23:59:59.123456Z.</param>
/// <param name="Job">Of the decision, as are the next two.</param>
/// <param name="Generation">See there.</param>
/// <param name="Step">See there.</param>
/// <param name="Text">The decision.</param>
/// <param name="Check">SHA-256, in hexadecimal, of the check of the row before and of all else in this one.</param>
internal sealed record LedgerRow(
    long Sequence, string At, string Job, int Generation, long Step, DecisionText Text, string Check)
{
    private const string AtFormat = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";

    /// <summary>The row of a new entry behind one whose check is given; empty for the first.</summary>
    public static LedgerRow Of(LedgerEntry entry, string checkBefore)
    {
        LedgerDecision decision = entry.Decision;
        var row = new LedgerRow(
            entry.Sequence, entry.At.UtcDateTime.ToString(AtFormat, CultureInfo.InvariantCulture), decision.Job.Value,
            decision.Generation.Value, decision.Step, DecisionFormat.Write(decision), Check: "");
        return row with { Check = row.CheckAfter(checkBefore) };
    }

    /// <summary>Why the row can't be the one behind another; null where it can.</summary>
    /// <param name="last">The number of the row before; 0 for none.</param>
    /// <param name="check">Its check; empty for none.</param>
    public string? FaultAfter(long last, string check) =>
        Sequence != last + 1 ? FormattableString.Invariant($"entry {last + 1} is not there, the next one is {Sequence}")
        : !string.Equals(Check, CheckAfter(check), StringComparison.Ordinal) ? "it does not match its check"
        : TimeOrNull() is null ? $"its time is no time: '{At}'"
        : null;

    /// <summary>The entry, of a row that was checked.</summary>
    public LedgerEntry ToEntry() => new(
        Sequence, TimeOrNull() ?? DateTimeOffset.UnixEpoch, DecisionFormat.Read(new JobId(Job), new Generation(Generation), Step, Text));

    private DateTimeOffset? TimeOrNull() => DateTimeOffset.TryParseExact(
        At, AtFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset at) ? at : null;

    private string CheckAfter(string before)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, before);
        Add(hash, Sequence);
        Add(hash, At);
        Add(hash, Job);
        Add(hash, Generation);
        Add(hash, Step);
        Add(hash, Text.Kind);
        Add(hash, Text.Version);
        Add(hash, Text.Payload);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    // The length goes first, so that no two rows are the same bytes.
    private static void Add(IncrementalHash hash, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Add(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void Add(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
