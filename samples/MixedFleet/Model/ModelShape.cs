namespace MixedFleet.Model;

/// <summary>Where one group of parameters lies in the flat vector.</summary>
/// <param name="Name">For people.</param>
/// <param name="Offset">First element.</param>
/// <param name="Rows">Rows of the row-major matrix; 1 for a bias.</param>
/// <param name="Columns">Its columns.</param>
internal readonly record struct ParameterGroup(string Name, int Offset, int Rows, int Columns)
{
    /// <summary>Elements.</summary>
    public int Length => Rows * Columns;
}

/// <summary>The sizes of a <see cref="ByteLanguageModel{T}"/>, and the order of its parameters in the flat vector.</summary>
internal sealed class ModelShape
{
    /// <summary>A byte has so many values.</summary>
    public const int Symbols = 256;

    /// <summary>Chooses sizes. The defaults cost some tenths of a millisecond per micro-batch, in fp32 on one core.</summary>
    /// <param name="contextBytes">Bytes that the model sees, 1 to 1024.</param>
    /// <param name="embeddingWidth">Numbers per embedded byte, 1 to 1024.</param>
    /// <param name="hiddenWidth">Units of the hidden layer, 1 to 8192.</param>
    /// <param name="samples">Samples of a micro-batch at most, 1 to 4096.</param>
    public ModelShape(int contextBytes = 16, int embeddingWidth = 16, int hiddenWidth = 192, int samples = 32)
    {
        ThrowUnlessWithin(contextBytes, 1024, nameof(contextBytes));
        ThrowUnlessWithin(embeddingWidth, 1024, nameof(embeddingWidth));
        ThrowUnlessWithin(hiddenWidth, 8192, nameof(hiddenWidth));
        ThrowUnlessWithin(samples, 4096, nameof(samples));
        ContextBytes = contextBytes;
        EmbeddingWidth = embeddingWidth;
        HiddenWidth = hiddenWidth;
        Samples = samples;
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)InputWidth * Math.Max(hiddenWidth, samples), 1L << 28, nameof(hiddenWidth));

        int offset = 0;
        Embedding = Next("embedding", Symbols, embeddingWidth);
        HiddenWeights = Next("hidden weights", InputWidth, hiddenWidth);
        HiddenBias = Next("hidden bias", 1, hiddenWidth);
        OutputWeights = Next("output weights", hiddenWidth, Symbols);
        OutputBias = Next("output bias", 1, Symbols);
        ParameterCount = offset;
        Groups = [Embedding, HiddenWeights, HiddenBias, OutputWeights, OutputBias];

        ParameterGroup Next(string name, int rows, int columns)
        {
            ParameterGroup group = new(name, offset, rows, columns);
            offset += group.Length;
            return group;
        }
    }

    /// <summary>Bytes that the model sees.</summary>
    public int ContextBytes { get; }

    /// <summary>Numbers per embedded byte.</summary>
    public int EmbeddingWidth { get; }

    /// <summary>Units of the hidden layer.</summary>
    public int HiddenWidth { get; }

    /// <summary>Samples of a micro-batch at most.</summary>
    public int Samples { get; }

    /// <summary>Width of the concatenated embeddings.</summary>
    public int InputWidth => ContextBytes * EmbeddingWidth;

    /// <summary>Elements of the flat vector.</summary>
    public int ParameterCount { get; }

    /// <summary>256 × embedding width: row b is the embedding of byte b.</summary>
    public ParameterGroup Embedding { get; }

    /// <summary>Input width × hidden width.</summary>
    public ParameterGroup HiddenWeights { get; }

    /// <summary>1 × hidden width.</summary>
    public ParameterGroup HiddenBias { get; }

    /// <summary>Hidden width × 256.</summary>
    public ParameterGroup OutputWeights { get; }

    /// <summary>1 × 256.</summary>
    public ParameterGroup OutputBias { get; }

    /// <summary>All groups, in the order of the flat vector, without gaps.</summary>
    public IReadOnlyList<ParameterGroup> Groups { get; }

    private static void ThrowUnlessWithin(int value, int max, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, max, name);
    }
}
