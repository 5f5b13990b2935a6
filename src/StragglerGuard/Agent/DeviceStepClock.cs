using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Agent;

/// <summary>
/// Times steps on the device that computes them: marks in its stream where the rank's own work begins and ends, asked for when they have passed and
/// never waited for. Until then the steps' records are kept here, oldest first.
/// </summary>
/// <remarks>
/// A step is one stretch of the stream, or several where the rank waited for data in between: what the device did during such a wait lies in
/// the stretch before it. A step whose marks can't be told is given up: the host's time of a step that a device computed would be that of
/// launching it, and a wrong time is worse than none. Only where the device tells no time at all the host's stays. For the rank's thread;
/// allocates nothing after its making.
/// </remarks>
internal sealed class DeviceStepClock(IComputeDevice device)
{
    /// <summary>Steps whose marks are held: the running one, and those that the device has not passed.</summary>
    internal const int Steps = 8;

    /// <summary>Stretches of a step. With their two marks each all are half of what a device holds (1,024).</summary>
    internal const int StretchesMax = 32;

    private readonly Marks[] _marks = new Marks[Steps * StretchesMax];
    private readonly StepTiming[] _timings = new StepTiming[Steps];
    private readonly int[] _stretches = new int[Steps];
    private long _first;
    private long _next;
    private int _running;
    private bool _isOpen;
    private bool _isCounting;

    /// <summary>Steps given up: too far ahead of the device, or of too many stretches.</summary>
    public long GivenUp { get; private set; }

    /// <summary>The step's own work begins.</summary>
    public void Begin()
    {
        if (_next - _first == Steps)
        {
            _first++;
            GivenUp++;
        }

        _running = 0;
        _isOpen = true;
        Count();
    }

    /// <summary>The rank begins to wait; what it launched may still run.</summary>
    public void Pause()
    {
        if (_isCounting)
        {
            MarkEnd();
        }
    }

    /// <summary>It goes on.</summary>
    public void Resume()
    {
        if (_isOpen && !_isCounting)
        {
            Count();
        }
    }

    /// <summary>The step's own work is launched.</summary>
    public void End()
    {
        Pause();
        _isOpen = false;
    }

    /// <summary>Keeps the step's record for its device's time. One that is not kept is forgotten by the next <see cref="Begin"/>.</summary>
    /// <param name="timing">With the host's time.</param>
    public void Hold(in StepTiming timing)
    {
        if (_running > StretchesMax)
        {
            GivenUp++;
            return;
        }

        var slot = (int)(_next++ % Steps);
        _timings[slot] = timing;
        _stretches[slot] = _running;
    }

    /// <summary>The oldest record that is kept, with the device's time, where that is told by now.</summary>
    public bool TryTake(out StepTiming timing)
    {
        timing = default;
        if (_first == _next)
        {
            return false;
        }

        var slot = (int)(_first % Steps);
        long computeNs = 0;
        for (var i = 0; i < _stretches[slot]; i++)
        {
            Marks marks = _marks[(slot * StretchesMax) + i];
            if (marks.From == default || marks.To == default)
            {
                // The device has no clock.
                computeNs = _timings[slot].ComputeNs;
                break;
            }

            if (!device.TryGetElapsedNs(marks.From, marks.To, out long elapsedNs))
            {
                return false;
            }

            computeNs += elapsedNs;
        }

        timing = _timings[slot] with { ComputeNs = computeNs };
        _first++;
        return true;
    }

    private void Count()
    {
        _isCounting = true;
        if (_running < StretchesMax)
        {
            Running.From = device.RecordEvent();
        }
    }

    private void MarkEnd()
    {
        _isCounting = false;
        if (_running < StretchesMax)
        {
            Running.To = device.RecordEvent();
        }

        _running++;
    }

    private ref Marks Running => ref _marks[((int)(_next % Steps) * StretchesMax) + _running];

    private struct Marks
    {
        public DeviceEvent From;
        public DeviceEvent To;
    }
}
