using System.Diagnostics.CodeAnalysis;
using StragglerGuard.Collectives;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;

namespace StragglerGuard.Agent;

/// <summary>Keeps the newest reading of every device of a node. A driver that does not answer holds up this thread and nothing else.</summary>
internal sealed class DeviceWatch : IDisposable
{
    /// <summary>Intervals after which a reading says nothing any more, and the least time.</summary>
    private const int StaleIntervals = 5;
    private const long StaleNsMin = 2_000_000_000;

    /// <summary>How long the thread may take to notice its end; a driver that hangs is left to itself.</summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(1);

    private readonly IDeviceReader _reader;
    private readonly int _intervalMs;
    private readonly long _staleNs;
    private readonly Lock _gate = new();
    private readonly Dictionary<WorkerId, (DeviceReading Reading, long ReadNs)> _newest = [];
    private readonly ManualResetEventSlim _ended = new();
    private readonly Thread _thread;
    private WorkerId[] _workers = [];

    /// <summary>Starts to read.</summary>
    /// <param name="reader">Who asks the devices.</param>
    /// <param name="intervalMs">From one reading to the next.</param>
    public DeviceWatch(IDeviceReader reader, int intervalMs)
    {
        _reader = reader;
        _intervalMs = intervalMs;
        _staleNs = Math.Max(StaleNsMin, StaleIntervals * 1_000_000L * intervalMs);
        _thread = new Thread(Run) { IsBackground = true, Name = "stragglerguard-devices" };
        _thread.Start();
    }

    /// <summary>Whose devices to read from now on. What was read of others is forgotten.</summary>
    public void Follow(IEnumerable<WorkerId> workers)
    {
        lock (_gate)
        {
            _workers = [.. workers.Distinct()];
            foreach (WorkerId gone in _newest.Keys.Except(_workers).ToList())
            {
                _newest.Remove(gone);
            }
        }
    }

    /// <summary>The newest reading of a worker's device; nothing where there is none, or it is too old.</summary>
    public DeviceReading Of(WorkerId worker)
    {
        lock (_gate)
        {
            return _newest.TryGetValue(worker, out var known) && MonotonicClock.NowNs() - known.ReadNs <= _staleNs ? known.Reading : default;
        }
    }

    /// <summary>Reads no more.</summary>
    public void Dispose()
    {
        _ended.Set();
        if (_thread.Join(EndLimit))
        {
            _ended.Dispose();
        }
    }

    private void Run()
    {
        do
        {
            WorkerId[] workers;
            lock (_gate)
            {
                workers = _workers;
            }

            foreach (WorkerId worker in workers)
            {
                DeviceReading reading = Read(worker);
                lock (_gate)
                {
                    if (_workers.Contains(worker))
                    {
                        _newest[worker] = (reading, MonotonicClock.NowNs());
                    }
                }
            }
        }
        while (!_ended.Wait(_intervalMs));
    }

    [SuppressMessage("Design", "CA1031", Justification = "A reader that fails knows nothing; the agent goes on.")]
    private DeviceReading Read(WorkerId worker)
    {
        try
        {
            return _reader.Read(worker);
        }
        catch (Exception)
        {
            return default;
        }
    }
}
