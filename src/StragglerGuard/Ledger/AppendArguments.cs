using System.Text;

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
        string job = decision.Job.Value ?? throw new ArgumentException("The decision names no job.", nameof(decision));
        try
        {
            Strict.GetByteCount(job);
        }
        catch (EncoderFallbackException fault)
        {
            throw new ArgumentException("The name of the job holds half of a surrogate pair.", nameof(decision), fault);
        }

        if (job.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException("The name of the job holds the character U+0000.", nameof(decision));
        }
    }
}
