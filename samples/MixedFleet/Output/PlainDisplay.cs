using System.Globalization;
using System.Threading.Channels;
using StragglerGuard.Collectives;
using StragglerGuard.Guardian;

namespace MixedFleet.Output;

/// <summary>Plain lines, for pipes, logs and --json. A task of its own writes them: a rank's thread never waits for the console.</summary>
internal sealed class PlainDisplay : IRunDisplay
{
    private const int StepsPerLine = 20;

    private readonly TextWriter _out;
    private readonly Func<JobStatus?> _status;
    private readonly int _steps;
    private readonly Channel<(string? Line, long Done, double Loss, double StepSeconds)> _pending =
        Channel.CreateUnbounded<(string? Line, long Done, double Loss, double StepSeconds)>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _writing;
    private long _nextLine = StepsPerLine;
    private long _lastDone;
    private long _lastNs;

    public PlainDisplay(TextWriter output, Func<JobStatus?> status, int steps)
    {
        _out = output;
        _status = status;
        _steps = steps;
        _writing = Task.Run(WriteAsync);
    }

    public void Say(string line) => _pending.Writer.TryWrite((line, 0, 0, 0));

    public void Progress(long step, double loss)
    {
        long done = step + 1;
        long nowNs = MonotonicClock.NowNs();
        if (_lastDone == 0)
        {
            // A run that goes on from a checkpoint does not begin with the first step.
            (_lastDone, _lastNs) = (done, nowNs);
            _nextLine = ((done / StepsPerLine) + 1) * StepsPerLine;
        }

        // Rank processes don't tell of every quick step: a line is due with the first step told of at or past its number.
        if (done >= _nextLine || done == _steps)
        {
            _nextLine = ((done / StepsPerLine) + 1) * StepsPerLine;
            _pending.Writer.TryWrite((null, done, loss, done > _lastDone ? (nowNs - _lastNs) * 1e-9 / (done - _lastDone) : double.NaN));
            (_lastDone, _lastNs) = (done, nowNs);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _pending.Writer.TryComplete();
        await _writing.ConfigureAwait(false);
        await _out.FlushAsync().ConfigureAwait(false);
    }

    private async Task WriteAsync()
    {
        await foreach ((string? line, long done, double loss, double stepSeconds) in _pending.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            await _out.WriteLineAsync(line ?? ProgressLine(done, loss, stepSeconds)).ConfigureAwait(false);
            await _out.FlushAsync().ConfigureAwait(false);
        }
    }

    /// <summary>A guardian that has just taken over may not know it.</summary>
    private static string Deal(JobStatus status) => status.Ranks.Count > 0 && status.Ranks.All(rank => rank.MicroBatches is not null)
        ? string.Join(' ', status.Ranks.Select(rank => rank.MicroBatches!.Value.ToString(CultureInfo.InvariantCulture)))
        : "unknown";

    /// <param name="done">Steps done.</param>
    /// <param name="loss">Of the last one.</param>
    /// <param name="stepSeconds">Mean wall time of a step since the line before, s; NaN where there was but one.</param>
    private string ProgressLine(long done, double loss, double stepSeconds)
    {
        string pace = double.IsNaN(stepSeconds) ? "" : string.Create(CultureInfo.InvariantCulture, $"  {stepSeconds * 1e3,6:0.0} ms/step");
        string guard = _status() is { } status
            ? $"{pace}  deal {Deal(status)}"
            : "";
        return string.Create(CultureInfo.InvariantCulture, $"step {done,4}/{_steps}  loss {loss:0.000}{guard}");
    }
}
