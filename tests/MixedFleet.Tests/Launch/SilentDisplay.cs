using MixedFleet.Output;

namespace MixedFleet.Tests.Launch;

/// <summary>Keeps what it is told.</summary>
internal sealed class SilentDisplay : IRunDisplay
{
    /// <summary>Of every step, by the lowest member.</summary>
    public List<double> Losses { get; } = [];

    public List<string> Lines { get; } = [];

    public void Say(string line) => Lines.Add(line);

    public void Progress(long step, double loss) => Losses.Add(loss);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
