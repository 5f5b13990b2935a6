using System.Globalization;
using StragglerGuard.Core;
using StragglerGuard.Guardian;

namespace MixedFleet.Output;

/// <summary>Plain lines, for pipes, logs and --json.</summary>
internal sealed class PlainDisplay : IRunDisplay
{
    private const int StepsPerLine = 20;

    private readonly TextWriter _out;
    private readonly Func<JobStatus?> _status;
    private readonly int _steps;
    private long _nextLine = StepsPerLine;

    public PlainDisplay(TextWriter output, Func<JobStatus?> status, int steps)
    {
        _out = TextWriter.Synchronized(output);
        _status = status;
        _steps = steps;
    }

    public void Say(string line) => _out.WriteLine(line);

    public void Progress(long step, double loss)
    {
        long done = step + 1;

        // Rank processes don't tell of every quick step: a line is due with the first step told of at or past its number.
        if (done < _nextLine && done != _steps)
        {
            return;
        }

        _nextLine = ((done / StepsPerLine) + 1) * StepsPerLine;
        string guard = _status() is { } status
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"  {status.StepSeconds * 1e3,6:0.0} ms/step  deal {string.Join(' ', status.Ranks.Select(rank => rank.MicroBatches))}")
            : "";
        _out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step {done,4}/{_steps}  loss {loss:0.000}{guard}"));
    }

    public ValueTask DisposeAsync()
    {
        _out.Flush();
        return ValueTask.CompletedTask;
    }
}
