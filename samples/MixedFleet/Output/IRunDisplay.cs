namespace MixedFleet.Output;

/// <summary>Shows a run while it goes on. Called from several threads.</summary>
internal interface IRunDisplay : IAsyncDisposable
{
    /// <summary>One line that stands by itself.</summary>
    void Say(string line);

    /// <summary>A step is over.</summary>
    /// <param name="step">The step, 0-based.</param>
    /// <param name="loss">Mean cross-entropy of the global batch, nats per byte.</param>
    void Progress(long step, double loss);
}
