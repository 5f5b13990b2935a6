namespace MixedFleet.Data;

/// <summary>Draws micro-batches from a text. A number names one, whoever computes it and whenever.</summary>
/// <remarks>
/// <para>An epoch is a random order of all positions of the text (<see cref="SampleOrder"/>, keyed by seed and epoch); the epochs
/// follow each other as one endless row of samples, of which micro-batch n holds the samples n·S … n·S + S − 1. So every
/// sample is in exactly one micro-batch of an epoch, and what is computed depends on the numbers of a step's micro-batches
/// alone (<see cref="MicroBatchQueue"/>): not on the step, the deal or the rank.</para>
/// <para>Where the text's positions don't divide by S, the micro-batch at the seam ends one epoch and begins the next; none is cut short.</para>
/// </remarks>
internal sealed class MicroBatchSampler
{
    private readonly TextCorpus _corpus;
    private readonly ulong _seed;

    /// <summary>Draws from a text.</summary>
    /// <param name="corpus">The text.</param>
    /// <param name="seed">Another seed, another order of the samples.</param>
    public MicroBatchSampler(TextCorpus corpus, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        _corpus = corpus;
        _seed = seed;
    }

    /// <summary>Fills a micro-batch with its samples. Allocates nothing.</summary>
    /// <param name="microBatch">Its number in the job, 0 or more; number × samples below 2⁶³.</param>
    /// <param name="batch">Overwritten; its context must be shorter than the text, and its size the same for all numbers of a job.</param>
    public void Fill(long microBatch, MicroBatch batch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(microBatch);
        ArgumentNullException.ThrowIfNull(batch);
        ReadOnlySpan<byte> text = _corpus.Bytes;
        int positions = text.Length - batch.ContextBytes;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(positions, nameof(batch));
        (long epoch, long place) = Math.DivRem(checked(microBatch * batch.Samples), positions);
        SampleOrder order = OrderOf(epoch, positions);
        for (int sample = 0; sample < batch.Samples; sample++, place++)
        {
            if (place == positions)
            {
                place = 0;
                order = OrderOf(++epoch, positions);
            }

            int position = order.At((int)place);
            text.Slice(position, batch.ContextBytes).CopyTo(batch.Contexts.AsSpan(sample * batch.ContextBytes));
            batch.Targets[sample] = text[position + batch.ContextBytes];
        }
    }

    private SampleOrder OrderOf(long epoch, int positions) => new(CounterHash.Combine(_seed, (ulong)epoch), positions);
}
