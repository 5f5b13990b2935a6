namespace MixedFleet.Data;

/// <summary>Room for the samples of one micro-batch; filled again and again.</summary>
internal sealed class MicroBatch
{
    /// <summary>Reserves the room.</summary>
    /// <param name="samples">1 or more.</param>
    /// <param name="contextBytes">Bytes that the model sees of each sample, 1 or more.</param>
    public MicroBatch(int samples, int contextBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(samples);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(contextBytes);
        Samples = samples;
        ContextBytes = contextBytes;
        Contexts = new byte[samples * contextBytes];
        Targets = new byte[samples];
    }

    /// <summary>How many samples.</summary>
    public int Samples { get; }

    /// <summary>Bytes that the model sees of each.</summary>
    public int ContextBytes { get; }

    /// <summary>samples × contextBytes, row by row.</summary>
    public byte[] Contexts { get; }

    /// <summary>The byte that follows each context.</summary>
    public byte[] Targets { get; }
}
