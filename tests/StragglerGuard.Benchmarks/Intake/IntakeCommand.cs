using System.Diagnostics;
using System.Globalization;
using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Benchmarks.Printing;
using StragglerGuard.Benchmarks.Workloads;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Fabric.Wire;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Benchmarks.Intake;

/// <summary>
/// A whole fleet's reports into one guardian, from bytes to verdicts: processor time a report, and whether memory grows from minute to
/// minute. Either as fast as it goes, or once a second as agents do, with a queue that drops what the guardian does not take in time.
/// </summary>
internal sealed class IntakeCommand : IAsyncDisposable
{
    private const int SecondsPerMinute = 60;
    private const int BatchesPerSecond = 100;
    private const double Cores = 2;
    private const double ReportsPerSecondWanted = 30_000;

    private readonly IntakeArguments _arguments;
    private readonly ReportingFleet _fleet;
    private readonly MeteredFabric _fabric = new();
    private readonly ReportDecoder _decoder = new();
    private TimeSpan _fleetTime;
    private long _refused;
    private int _waitingMost;

    private IntakeCommand(IntakeArguments arguments)
    {
        _arguments = arguments;
        _fleet = new ReportingFleet(arguments.Jobs, arguments.RanksPerJob);
    }

    /// <summary>Runs as the words say.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> words)
    {
        if (IntakeArguments.TryParse(words, out string error) is not { } arguments)
        {
            await Console.Error.WriteLineAsync(error);
            return 2;
        }

        if (arguments.WantsHelp)
        {
            foreach (string line in IntakeArguments.Help)
            {
                Console.WriteLine(line);
            }

            return 0;
        }

        await using var command = new IntakeCommand(arguments);
        await command.MeasureAsync();
        return 0;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _fabric.DisposeAsync();

    private async Task MeasureAsync()
    {
        Console.WriteLine(
            $"{Quantity.Count(_fleet.Nodes)} nodes of {ReportingFleet.RanksPerNode} ranks, {Quantity.Count(_arguments.Jobs)} jobs of "
            + $"{Quantity.Count(_arguments.RanksPerJob)} ranks, one step a second; {_fleet.Message(0).Length} B a report; "
            + (_arguments.IsPaced ? "in real time" : "as fast as it goes"));
        using var instruments = new GuardInstruments();
        var guardian = new GuardianService(
            _fabric, new InMemoryLedger(), new StragglerGuardOptions { Mode = PolicyMode.Act }, instruments);
        await using (guardian.ConfigureAwait(false))
        {
            for (int node = 0; node < _fleet.Nodes; node++)
            {
                WaitForRoom();
                Deliver(_fleet.SkewMessage(node));
            }

            WaitUntilTaken();
            for (int minute = 0; minute <= _arguments.Minutes; minute++)
            {
                // The first few seconds compile what is hot and make room for every rank.
                Measure(minute, minute == 0 ? Math.Min(10, _arguments.SecondsPerMinute) : _arguments.SecondsPerMinute, guardian);
            }
        }
    }

    private void Measure(int minute, int seconds, GuardianService guardian)
    {
        TimeSpan cpuBefore = Environment.CpuUsage.TotalTime;
        long allocatedBefore = GC.GetTotalAllocatedBytes();
        long droppedBefore = _fabric.Dropped;
        long start = Stopwatch.GetTimestamp();
        _fleetTime = TimeSpan.Zero;
        _waitingMost = 0;
        for (int second = 0; second < seconds; second++)
        {
            // Of this thread alone: the guardian may still be at the last second's reports.
            TimeSpan before = ThreadTime.Now;
            _fleet.Advance();
            _fleetTime += ThreadTime.Now - before;
            if (_arguments.IsPaced)
            {
                DeliverInASecond(start, second);
            }
            else
            {
                DeliverAll();
            }
        }

        WaitUntilTaken();
        double cpuSeconds = (Environment.CpuUsage.TotalTime - cpuBefore - _fleetTime).TotalSeconds;
        long dropped = _fabric.Dropped - droppedBefore;

        // What was dropped cost the guardian next to nothing: only what it took in counts.
        double reports = ((double)seconds * _fleet.Nodes) - dropped;
        double allocated = GC.GetTotalAllocatedBytes() - allocatedBefore;
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        long heap = GC.GetTotalMemory(forceFullCollection: true);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{(minute == 0 ? "warm-up " : $"minute {minute}")}: {reports / elapsed.TotalSeconds,7:N0} reports/s; "
            + $"{cpuSeconds / reports * 1e6,5:0.0} µs of processor time a report = {cpuSeconds / reports * ReportsPerSecondWanted / Cores,4:P0} of two cores at 30,000/s; "
            + $"{allocated / reports,6:N0} B a report; heap {heap / 1e6:N0} MB, resident {Environment.WorkingSet / 1e6:N0} MB; "
            + $"dropped {dropped:N0}, waited at most {_waitingMost:N0}, refused {_refused + guardian.ReportsRefused:N0}, "
            + $"behind by {_fleet.Step - (guardian.Status(ReportingFleet.JobOf(0))?.LastStep ?? 0)} steps"));
    }

    private void DeliverAll()
    {
        for (int node = 0; node < _fleet.Nodes; node++)
        {
            WaitForRoom();
            Deliver(_fleet.Message(node));
        }
    }

    private void DeliverInASecond(long start, int second)
    {
        int delivered = 0;
        for (int batch = 1; batch <= BatchesPerSecond; batch++)
        {
            for (int due = (int)((long)_fleet.Nodes * batch / BatchesPerSecond); delivered < due; delivered++)
            {
                Deliver(_fleet.Message(delivered));
            }

            _waitingMost = Math.Max(_waitingMost, _fabric.Waiting);
            double dueSeconds = second + ((double)batch / BatchesPerSecond);
            double leftSeconds = dueSeconds - Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (leftSeconds > 0)
            {
                Thread.Sleep(TimeSpan.FromSeconds(leftSeconds));
            }
        }
    }

    private void Deliver(ReadOnlySpan<byte> message)
    {
        if (_decoder.TryDecode(message, out NodeReport? report, out _))
        {
            _fabric.Enqueue(report);
        }
        else
        {
            _refused++;
        }
    }

    private void WaitForRoom()
    {
        while (_fabric.Waiting > MeteredFabric.Capacity / 2)
        {
            Thread.Sleep(1);
        }
    }

    private void WaitUntilTaken()
    {
        while (_fabric.Waiting > 0)
        {
            Thread.Sleep(1);
        }
    }
}
