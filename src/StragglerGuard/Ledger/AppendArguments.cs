using System.Text;
using StragglerGuard.Core;

namespace StragglerGuard.Ledger;

/// <summary>The same arguments are refused by every kind of ledger.</summary>
internal static class AppendArguments
{
    // Throws at what UTF-8 can't hold, instead of writing another name than was given.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static void Check(long expectedSequence, LedgerDecision decision)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(expectedSequence, 1);
        ArgumentNullException.ThrowIfNull(decision);
        Check(decision.Job);
        if (decision is UnreadDecision unread)
        {
            Check(unread.Kind, "The kind of the decision");
            Check(unread.Payload, "The text of the decision");
        }
    }

    /// <summary>Refuses a job that no entry can be about.</summary>
    public static void Check(JobId job) => Check(job.Value, "The name of the job");

    private static void Check(string? text, string what)
    {
        if (text is null)
        {
            throw new ArgumentException($"{what} is null.");
        }

        try
        {
            Strict.GetByteCount(text);
        }
        catch (EncoderFallbackException fault)
        {
            throw new ArgumentException($"{what} holds half of a surrogate pair.", fault);
        }

        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException($"{what} holds the character U+0000.");
        }
    }
}
