using StragglerGuard.Collectives.Devices;
using StragglerGuard.Ilgpu.Timing;

namespace StragglerGuard.Ilgpu.Tests.Timing;

public sealed class EventRingTests
{
    private readonly ScriptedEvents _events = new();

    [Fact]
    public void Elapsed_OfMarksNotYetPassed_IsNotToldAndNotWaitedFor()
    {
        using var ring = new EventRing(_events);
        var from = ring.Record();
        var to = ring.Record();

        ring.TryGetElapsedNs(from, to, out var elapsedNs).Should().BeFalse();
        elapsedNs.Should().Be(0);
        _events.PassAll(spacingNs: 70);

        ring.TryGetElapsedNs(from, to, out elapsedNs).Should().BeTrue();
        elapsedNs.Should().Be(70);
    }

    [Fact]
    public void Elapsed_WhereOnlyTheFirstHasPassed_IsNotTold()
    {
        using var ring = new EventRing(_events);
        var from = ring.Record();
        _events.PassAll(spacingNs: 1);
        var to = ring.Record();

        ring.TryGetElapsedNs(from, to, out _).Should().BeFalse();
    }

    [Fact]
    public void Record_BeyondTheRing_TakesTheOldestEventAndForgetsItsMark()
    {
        using var ring = new EventRing(_events);
        var first = ring.Record();
        var second = ring.Record();
        for (var i = 2; i < EventRing.Capacity; i++)
        {
            ring.Record();
        }

        _events.PassAll(spacingNs: 1);
        ring.TryGetElapsedNs(first, second, out _).Should().BeTrue("the ring holds as many");
        var newest = ring.Record();
        _events.PassAll(spacingNs: 1);

        ring.TryGetElapsedNs(first, newest, out _).Should().BeFalse("its event marks another point now");
        ring.TryGetElapsedNs(second, newest, out _).Should().BeTrue();
        _events.Live.Should().Be(EventRing.Capacity, "events are used again");
    }

    [Fact]
    public void Elapsed_OfMarksThatNobodyMade_IsNotTold()
    {
        using var ring = new EventRing(_events);
        var mark = ring.Record();
        _events.PassAll(spacingNs: 1);

        ring.TryGetElapsedNs(default, mark, out _).Should().BeFalse();
        ring.TryGetElapsedNs(mark, new DeviceEvent(99), out _).Should().BeFalse();
        ring.TryGetElapsedNs(mark, mark, out var elapsedNs).Should().BeTrue();
        elapsedNs.Should().Be(0);
    }

    [Fact]
    public void Record_AfterTheFirstRound_AllocatesNothing()
    {
        using var ring = new EventRing(_events);
        for (var i = 0; i <= EventRing.Capacity; i++)
        {
            ring.Record();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        ring.TryGetElapsedNs(ring.Record(), ring.Record(), out _);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }

    [Fact]
    public void Dispose_OfTheRing_GivesItsEventsBack()
    {
        var ring = new EventRing(_events);
        var mark = ring.Record();
        ring.Record();

        ring.Dispose();
        ring.Dispose();

        _events.Live.Should().Be(0);
        ring.TryGetElapsedNs(mark, mark, out _).Should().BeFalse();
    }

    /// <summary>A driver whose stream passes its marks when the test says so.</summary>
    private sealed class ScriptedEvents : INativeEvents
    {
        private readonly Dictionary<nint, long> _passedNs = new(EventRing.Capacity * 2);
        private readonly Queue<nint> _waiting = new(EventRing.Capacity * 2);
        private nint _created;
        private long _nowNs;

        public int Live { get; private set; }

        public nint Create()
        {
            Live++;
            return ++_created;
        }

        public void Record(nint nativeEvent)
        {
            _passedNs.Remove(nativeEvent);
            if (_waiting.Count >= EventRing.Capacity)
            {
                _waiting.Dequeue();
            }

            _waiting.Enqueue(nativeEvent);
        }

        public bool HasPassed(nint nativeEvent) => _passedNs.ContainsKey(nativeEvent);

        public bool TryGetElapsedNs(nint from, nint to, out long elapsedNs)
        {
            elapsedNs = _passedNs[to] - _passedNs[from];
            return true;
        }

        public void Destroy(nint nativeEvent) => Live--;

        public void PassAll(long spacingNs)
        {
            while (_waiting.TryDequeue(out nint nativeEvent))
            {
                _passedNs[nativeEvent] = _nowNs += spacingNs;
            }
        }
    }
}
