namespace MixedFleet.Data;

/// <summary>Draws micro-batches from a text. (step, k) names one, whoever computes it.</summary>
/// <remarks>
/// The position of a sample is a hash of (seed, step, k, sample): there is no state, so any rank gets the same samples for the same
/// micro-batch, in any order, and a new deal changes who computes a micro-batch but never what is computed.
/// </remarks>
internal sealed class MicroBatchSampler
{
    private readonly TextCorpus _corpus;
    private readonly ulong _seed;

    /// <summary>Draws from a text.</summary>
    /// <param name="corpus">The text.</param>
    /// <param name="seed">Another seed, other samples.</param>
    public MicroBatchSampler(TextCorpus corpus, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        _corpus = corpus;
        _seed = seed;
    }

    /// <summary>Fills a micro-batch with its samples. Allocates nothing.</summary>
    /// <param name="step">0 or more.</param>
    /// <param name="k">Number of the micro-batch within the global batch, 0-based.</param>
    /// <param name="batch">Overwritten; its context must be shorter than the text.</param>
    public void Fill(long step, int k, MicroBatch batch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        ArgumentNullException.ThrowIfNull(batch);
        ReadOnlySpan<byte> text = _corpus.Bytes;
        int positions = text.Length - batch.ContextBytes;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(positions, nameof(batch));
        ulong key = CounterHash.Combine(CounterHash.Combine(_seed, (ulong)step), (ulong)k);
        for (int sample = 0; sample < batch.Samples; sample++)
        {
            int position = CounterHash.Below(CounterHash.Combine(key, (ulong)sample), positions);
            text.Slice(position, batch.ContextBytes).CopyTo(batch.Contexts.AsSpan(sample * batch.ContextBytes));
            batch.Targets[sample] = text[position + batch.ContextBytes];
        }
    }
}
