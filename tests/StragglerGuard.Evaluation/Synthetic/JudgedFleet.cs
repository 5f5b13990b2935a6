using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Evaluation.Synthetic;

/// <summary>A synthetic fleet under the engine that judges live jobs. Keeps every event.</summary>
internal sealed class JudgedFleet
{
    private readonly SyntheticFleet _fleet;
    private readonly LagCalculator _lag;
    private readonly long _exitSkewNs;
    private readonly DetectionEvents _sink;
    private readonly List<DetectionEvent> _events = [];

    public JudgedFleet(FleetShape shape, PaceNoise noise, int seed, params IReadOnlyList<Fault> faults)
        : this(shape, noise, seed, options: null, faults)
    {
    }

    public JudgedFleet(FleetShape shape, PaceNoise noise, int seed, JobDetectorOptions? options, params IReadOnlyList<Fault> faults)
    {
        _fleet = new SyntheticFleet(shape, noise, seed, faults);
        _lag = new LagCalculator(shape.Ranks);
        _exitSkewNs = shape.ExitSkewNs;
        _sink = new DetectionEvents(shape.Ranks + 8);
        Detector = new JobDetector(shape.Cohorts, options);
        Story = FormattableString.Invariant($"seed {seed}, {shape.Ranks} ranks, {noise}");
    }

    public JobDetector Detector { get; }

    public IReadOnlyList<DetectionEvent> Events => _events;

    /// <summary>Ranks called slow.</summary>
    public IEnumerable<DetectionEvent> Accusations => Events.Where(found => found.Kind == DetectionEventKind.StragglerConfirmed);

    public IEnumerable<DetectionEvent> Recoveries => Events.Where(found => found.Kind == DetectionEventKind.StragglerRecovered);

    /// <summary>Steps judged.</summary>
    public long Steps { get; private set; }

    /// <summary>What a message needs to be made again: the seed and the setting.</summary>
    public string Story { get; }

    /// <summary>The lag of the step judged last.</summary>
    public LagSample Lag { get; private set; }

    /// <summary>Whoever was ever called slow, each once, ascending.</summary>
    public int[] Accused => [.. Accusations.Select(found => found.Rank!.Value.Value).Distinct().Order()];

    /// <summary>Findings that accuse nobody of slowness.</summary>
    public IEnumerable<DetectionEvent> Findings(VerdictKind kind) =>
        Events.Where(found => found.Kind == DetectionEventKind.FindingRaised && found.Verdict == kind);

    /// <summary>Judges the next steps.</summary>
    /// <param name="afterStep">Called with each frame after it was judged; null for nothing.</param>
    public JudgedFleet Run(long steps, Action<StepFrame>? afterStep = null)
    {
        for (long end = Steps + steps; Steps < end; Steps++)
        {
            if (_fleet.Next() is not { } frame)
            {
                continue;
            }

            _sink.Clear();
            Lag = _lag.Compute(frame, _exitSkewNs);
            Detector.Update(frame, Lag, _lag.LagNs, _sink);
            foreach (DetectionEvent found in _sink)
            {
                _events.Add(found);
            }

            afterStep?.Invoke(frame);
        }

        return this;
    }
}
