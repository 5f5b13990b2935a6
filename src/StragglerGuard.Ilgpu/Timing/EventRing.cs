using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Ilgpu.Timing;

/// <summary>
/// Native events in a ring: a mark takes the oldest one, so that marks are never given back and nothing is allocated after the first
/// round. A mark older than the ring is long has no answer.
/// </summary>
internal sealed class EventRing : IStreamClock
{
    /// <summary>Marks that can be asked for at a time.</summary>
    public const int Capacity = 1024;

    private readonly INativeEvents _native;
    private readonly nint[] _events = new nint[Capacity];
    private long _recorded;

    public EventRing(INativeEvents native) => _native = native;

    public DeviceEvent Record()
    {
        ref nint slot = ref _events[(int)(_recorded % Capacity)];
        if (slot == 0)
        {
            slot = _native.Create();
        }

        _native.Record(slot);

        // Counted from 1: the default of DeviceEvent is no mark.
        return new DeviceEvent(++_recorded);
    }

    public bool TryGetElapsedNs(DeviceEvent from, DeviceEvent to, out long elapsedNs)
    {
        elapsedNs = 0;
        return IsHeld(from) && IsHeld(to) && _native.HasPassed(EventOf(to)) && _native.HasPassed(EventOf(from))
            && _native.TryGetElapsedNs(EventOf(from), EventOf(to), out elapsedNs);
    }

    public void Dispose()
    {
        for (var i = 0; i < Capacity; i++)
        {
            if (_events[i] != 0)
            {
                _native.Destroy(_events[i]);
                _events[i] = 0;
            }
        }

        _recorded = 0;
    }

    private bool IsHeld(DeviceEvent mark) => mark.Handle > 0 && mark.Handle <= _recorded && mark.Handle > _recorded - Capacity;

    private nint EventOf(DeviceEvent mark) => _events[(int)((mark.Handle - 1) % Capacity)];
}
