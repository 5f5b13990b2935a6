using System.Diagnostics;
using System.Globalization;
using StragglerGuard.Benchmarks.Workloads;
using StragglerGuard.Hosting;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>A fleet of <see cref="PreparedNodes"/>, and what its guardian makes of it.</summary>
internal sealed class PreparedLoad : IAsyncDisposable
{
    private const int BatchesPerSecond = 50;
    private const int SecondsPerLine = 10;
    private const int SettleSecondsMax = 20;

    private readonly ReportingFleet _fleet;
    private readonly PreparedNodes[] _parts;

    public PreparedLoad(ReportingFleet fleet, int systems, StragglerGuardOptions options)
    {
        _fleet = fleet;
        _parts = [.. Enumerable.Range(0, systems).Select(first => new PreparedNodes(fleet, first, systems, options))];
    }

    /// <summary>Reports for some seconds.</summary>
    public async Task MeasureAsync(ChildProcess guardian, int seconds)
    {
        foreach (PreparedNodes part in _parts)
        {
            await part.BeginAsync();
        }

        await SettleAsync();
        var clock = Stopwatch.StartNew();
        TimeSpan guardianBefore = guardian.ProcessorTime;
        TimeSpan loadBefore = Environment.CpuUsage.TotalTime;
        TimeSpan begun = TimeSpan.Zero;
        for (int second = 0; second < seconds; second++)
        {
            _fleet.Advance();
            PaceSecond(clock, second);
            if ((second + 1) % SecondsPerLine != 0)
            {
                continue;
            }

            TimeSpan now = clock.Elapsed;
            double taken = (now - begun).TotalSeconds;
            double reports = (double)_fleet.Nodes * SecondsPerLine;
            double guardianSeconds = (guardian.ProcessorTime - guardianBefore).TotalSeconds;
            double loadSeconds = (Environment.CpuUsage.TotalTime - loadBefore).TotalSeconds;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{now.TotalSeconds,4:0} s: {reports / taken,6:N0} reports/s, {_parts.Sum(part => part.Unanswered):N0} receipts to come; guardian {guardianSeconds / taken,4:P0} of a core, "
                + $"{guardianSeconds * 1e6 / reports:0.0} µs a report, {guardian.ResidentBytes / 1e6:N0} MB; load {loadSeconds / taken:P0} of a core"));
            Console.WriteLine($"        guardian: {await guardian.AskAsync()}");
            (begun, guardianBefore, loadBefore) = (now, guardian.ProcessorTime, Environment.CpuUsage.TotalTime);
        }

        bool isSettled = await SettleAsync();
        string state = await guardian.AskAsync();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"after {clock.Elapsed.TotalSeconds:0} s {(isSettled ? "every receipt has come" : "receipts are missing")}; {state}"));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (PreparedNodes part in _parts)
        {
            await part.DisposeAsync();
        }
    }

    private async Task<bool> SettleAsync()
    {
        var clock = Stopwatch.StartNew();
        while (_parts.Sum(part => part.Unanswered) > 0 && clock.Elapsed.TotalSeconds < SettleSecondsMax)
        {
            await Task.Delay(20);
        }

        return _parts.Sum(part => part.Unanswered) == 0;
    }

    /// <summary>Has every node report, one after another over the whole second.</summary>
    private void PaceSecond(Stopwatch clock, int second)
    {
        int[] told = new int[_parts.Length];
        for (int batch = 1; batch <= BatchesPerSecond; batch++)
        {
            for (int i = 0; i < _parts.Length; i++)
            {
                _parts[i].Report(ref told[i], (int)((long)_parts[i].Count * batch / BatchesPerSecond), second);
            }

            double leftSeconds = second + ((double)batch / BatchesPerSecond) - clock.Elapsed.TotalSeconds;
            if (leftSeconds > 0)
            {
                Thread.Sleep(TimeSpan.FromSeconds(leftSeconds));
            }
        }
    }
}
