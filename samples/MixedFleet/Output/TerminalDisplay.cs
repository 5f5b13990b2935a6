using System.Collections.Concurrent;
using System.Globalization;
using Spectre.Console;
using StragglerGuard.Guardian;

namespace MixedFleet.Output;

/// <summary>A table that follows the run, for terminals.</summary>
internal sealed class TerminalDisplay : IRunDisplay
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(250);

    private readonly IAnsiConsole _console;
    private readonly Func<JobStatus?> _status;
    private readonly DeviceLabels _labels;
    private readonly int _steps;
    private readonly ConcurrentQueue<string> _said = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _showing;
    private long _step = -1;
    private double _loss = double.NaN;

    public TerminalDisplay(IAnsiConsole console, Func<JobStatus?> status, DeviceLabels labels, int steps)
    {
        _console = console;
        _status = status;
        _labels = labels;
        _steps = steps;
        _showing = Task.Run(ShowAsync);
    }

    public void Say(string line) => _said.Enqueue(line);

    public void Progress(long step, double loss)
    {
        Volatile.Write(ref _loss, loss);
        Volatile.Write(ref _step, step);
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _showing.ConfigureAwait(false);
        _closing.Dispose();
        WriteSaid();
    }

    private async Task ShowAsync()
    {
        using var timer = new PeriodicTimer(Refresh);
        bool open = true;
        while (open)
        {
            WriteSaid();
            await _console.Live(Draw()).AutoClear(true).StartAsync(async live =>
            {
                while (open && _said.IsEmpty)
                {
                    live.UpdateTarget(Draw());
                    open = await NextTickAsync(timer).ConfigureAwait(false);
                }
            }).ConfigureAwait(false);
        }

        _console.Write(Draw());
    }

    private async Task<bool> NextTickAsync(PeriodicTimer timer)
    {
        try
        {
            return await timer.WaitForNextTickAsync(_closing.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private void WriteSaid()
    {
        while (_said.TryDequeue(out string? line))
        {
            _console.WriteLine(line);
        }
    }

    private Rows Draw()
    {
        var table = new Table().Border(TableBorder.Rounded).Caption("em: the pace is emulated");
        table.AddColumns("rank", "class");
        table.AddColumn(new TableColumn("micro-\nbatches").RightAligned());
        table.AddColumn(new TableColumn("compute per\nmicro-batch").RightAligned());
        table.AddColumn(new TableColumn("lag p50").RightAligned());
        table.AddColumn(new TableColumn("last").RightAligned());
        table.AddColumn("verdict");
        JobStatus? status = _status();
        foreach (RankStatus rank in status?.Ranks ?? [])
        {
            int slot = _labels.SlotOf(rank.Worker);
            table.AddRow(
                new Text(slot.ToString(CultureInfo.InvariantCulture)),
                new Text(_labels.Of(slot)),
                new Text(rank.MicroBatches?.ToString(CultureInfo.InvariantCulture) ?? "unknown"),
                new Text(Millis(rank.SecondsPerMicroBatch)),
                new Text(Millis(rank.LagP50Seconds)),
                new Text(rank.LastShare is { } share ? share.ToString("0 %", CultureInfo.InvariantCulture) : "unknown"),
                rank.Verdict is { } verdict
                    ? new Text(
                        string.Create(CultureInfo.InvariantCulture, $"slow ×{verdict.Slowdown:0.00} since step {verdict.OnsetStep}"),
                        new Style(Color.Red))
                    : new Text(rank.SecondsPerMicroBatch is null ? "unknown" : "no fault", new Style(Color.Green)));
        }

        return new Rows(table, Progress(status));
    }

    private Rows Progress(JobStatus? status)
    {
        long done = Volatile.Read(ref _step) + 1;
        string step = status is { StepSeconds: > 0 }
            ? string.Create(CultureInfo.InvariantCulture, $"   {status.StepSeconds * 1e3:0.0} ms/step   {status.Epoch} ({status.Mode})")
            : "";
        string loss = done > 0 ? string.Create(CultureInfo.InvariantCulture, $"   loss {Volatile.Read(ref _loss):0.000}") : "";
        return new Rows(
            new Text(string.Create(CultureInfo.InvariantCulture, $"step {done}/{_steps}{loss}{step}")),
            new BreakdownChart().Width(60).HideTags().HideTagValues().AddItem("done", done, Color.Green).AddItem("left", _steps - done, Color.Grey));
    }

    private static string Millis(double? seconds) =>
        seconds is { } known ? (known * 1e3).ToString("0.00 ms", CultureInfo.InvariantCulture) : "unknown";
}
