using System.Collections;

namespace StragglerGuard.Core.Detection;

/// <summary>What a <see cref="JobDetector"/> or a <see cref="SlownessDetector"/> has to say.</summary>
public enum DetectionEventKind
{
    /// <summary>A rank is slow; <see cref="DetectionEvent.Verdict"/> says in which way.</summary>
    StragglerConfirmed = 0,

    /// <summary>A rank that was slow no longer is.</summary>
    StragglerRecovered = 1,

    /// <summary>So many ranks changed alike that the cause is common: nobody is accused.</summary>
    CommonShiftDetected = 2,

    /// <summary>The step time of a job of one series changed for good, up or down: a change, not an accusation.</summary>
    JobLevelChanged = 3,

    /// <summary>Something worth telling that accuses no rank of slowness: of the kind in <see cref="DetectionEvent.Verdict"/>.</summary>
    FindingRaised = 4,

    /// <summary>What was told by <see cref="FindingRaised"/> is over.</summary>
    FindingCleared = 5,
}

/// <summary>One event with the numbers that it rests on. Logarithms are natural; shifts are of log(compute time per unit of
/// work).</summary>
public readonly record struct DetectionEvent
{
    /// <summary>What happened.</summary>
    public DetectionEventKind Kind { get; init; }

    /// <summary>To whom.</summary>
    /// <value>Null where it concerns the whole job.</value>
    public Rank? Rank { get; init; }

    /// <summary>In which way the rank or the job is, or was, slow; meaningless for a common shift or a change of level.</summary>
    public VerdictKind Verdict { get; init; }

    /// <summary>What the rank was measured against.</summary>
    public DetectionMode Mode { get; init; }

    /// <summary>Step at which it began: the likeliest one of a change, the oldest one known where there was none.</summary>
    public long OnsetStep { get; init; }

    /// <summary>Step whose frame brought the certainty.</summary>
    public long RaisedAtStep { get; init; }

    /// <summary>Time for a unit of work over what it would be were the rank healthy: e^<see cref="Residual"/>. For a common shift, new
    /// over old.</summary>
    /// <value>Above 0; 1 is no change.</value>
    public double Slowdown { get; init; }

    /// <summary>Median over the check: distance from the peers' median, or from own history less what is common to all.</summary>
    public double Residual { get; init; }

    /// <summary>Median over the check: distance from own history.</summary>
    /// <value>NaN where there was none, as in slowness from the first step.</value>
    public double OwnShift { get; init; }

    /// <summary>σ of the series that the residual was judged by.</summary>
    public double Sigma { get; init; }

    /// <summary>What the residual had to reach.</summary>
    public double Threshold { get; init; }

    /// <summary>Ranks that the rank was compared with: its peers, or the other judged ranks of the job. For a common shift: the ranks
    /// judged.</summary>
    public int RanksCompared { get; init; }

    /// <summary>Ranks that changed alike; 0 but for a common shift.</summary>
    public int RanksShifted { get; init; }

    /// <summary>Of a recovery or of a finding's end: the first step at which it was over; otherwise <see cref="OnsetStep"/>.</summary>
    public long ChangedAtStep { get; init; }

    /// <summary>Why, as far as the evidence says.</summary>
    public Cause Cause { get; init; }

    /// <summary>How sure it is: see <see cref="Attribution.VerdictConfidence"/>.</summary>
    /// <value>0 … 1; 0 where it is not judged (common shifts, endings).</value>
    public double Confidence { get; init; }

    /// <summary>Steps from one stall to the next, of a <see cref="VerdictKind.PeriodicStall"/>; otherwise 0.</summary>
    public long PeriodSteps { get; init; }

    /// <summary>Slow steps among the last 128, of jitter and of a periodic stall; otherwise 0.</summary>
    public int Spikes { get; init; }

    /// <summary>Of a hang: how long nothing was heard. Of an unwell observer: how long it was away.</summary>
    /// <value>ns; otherwise 0.</value>
    public long SilentNs { get; init; }

    /// <summary>The stage that a <see cref="VerdictKind.StageImbalance"/> names; otherwise 0.</summary>
    public int Stage { get; init; }
}

/// <summary>A reusable list that a <see cref="SlownessDetector"/> appends its events to. Clear it between frames; it grows only beyond its
/// capacity.</summary>
public sealed class DetectionEvents : IReadOnlyList<DetectionEvent>
{
    private readonly List<DetectionEvent> _events;

    /// <summary>Begins empty.</summary>
    /// <param name="capacity">Events that fit without growing, 0 or more. One frame brings one a rank and one for the job at most.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="capacity"/> is negative.</exception>
    public DetectionEvents(int capacity = 16) => _events = new List<DetectionEvent>(capacity);

    /// <inheritdoc/>
    public int Count => _events.Count;

    /// <inheritdoc/>
    public DetectionEvent this[int index] => _events[index];

    /// <summary>Empties the list and keeps its room.</summary>
    public void Clear() => _events.Clear();

    /// <summary>Enumerates without allocation.</summary>
    public List<DetectionEvent>.Enumerator GetEnumerator() => _events.GetEnumerator();

    IEnumerator<DetectionEvent> IEnumerable<DetectionEvent>.GetEnumerator() => _events.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _events.GetEnumerator();

    internal void Add(in DetectionEvent detectionEvent) => _events.Add(detectionEvent);

    internal void Replace(int index, in DetectionEvent detectionEvent) => _events[index] = detectionEvent;

    internal void RemoveAt(int index) => _events.RemoveAt(index);
}
