using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Baselines;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Detection;

/// <summary>Keeps the evidence about causes as the steps go by, and applies it when a rank is accused.</summary>
internal sealed class CauseJudge
{
    private const double LagGain = 0.25;
    private const double FeatureGain = 0.25;
    private const double DeviationToSigma = 1.4826;
    private const double SpreadFactor = 4.5;

    // Coming at half of the latest rank's lag or more is late: after an uneven deal several are.
    private const double LateShare = 0.5;

    private readonly RankCohort[] _cohorts;
    private readonly JobDetectorOptions _options;
    private readonly double _effectMin;
    private readonly double[] _scratch;
    private readonly int[][] _groups;
    private readonly int[] _groupOf;
    private readonly double[] _medianFeature;
    private readonly float[] _feature;
    private readonly float[] _meanFeature;
    private readonly float[] _lag;
    private readonly Cause[] _cause;
    private readonly bool[] _isBeyondSpread;
    private readonly WorkloadRegression _regression = new();
    private readonly DeviceClocks _clocks;
    private bool _isLagTelling;
    private bool _hasFeature;

    public CauseJudge(RankCohort[] cohorts, JobDetectorOptions options, double effectMin, double[] scratch)
    {
        _cohorts = cohorts;
        _options = options;
        _effectMin = effectMin;
        _scratch = scratch;
        _groups = [.. Enumerable.Range(0, cohorts.Length).GroupBy(rank => cohorts[rank].Stage).Select(group => group.ToArray())];
        _groupOf = new int[cohorts.Length];
        for (int group = 0; group < _groups.Length; group++)
        {
            foreach (int rank in _groups[group])
            {
                _groupOf[rank] = group;
            }
        }

        _medianFeature = new double[_groups.Length];
        _feature = new float[cohorts.Length];
        _meanFeature = new float[cohorts.Length];
        _lag = new float[cohorts.Length];
        _clocks = new DeviceClocks(cohorts, scratch);
        _cause = new Cause[cohorts.Length];
        _isBeyondSpread = new bool[cohorts.Length];
    }

    /// <summary>Takes what a rank's device says of itself.</summary>
    public void NoteDevice(int rank, in DeviceReading reading) => _clocks.Note(rank, in reading);

    /// <summary>Takes the step's features and lags.</summary>
    public void Observe(StepFrame frame, IRankScreen screen, in LagSample lag, ReadOnlySpan<long> lagNs)
    {
        ObserveFeatures(frame, screen);

        // Across stages, or after an uneven deal, being last says nothing about one's own speed.
        _isLagTelling = lag.Standing == LagStanding.Counts && _groups.Length == 1 && IsDealEven(frame.WorkUnits);
        if (_isLagTelling)
        {
            for (int rank = 0; rank < _lag.Length; rank++)
            {
                _lag[rank] += (float)(LagGain * (lagNs[rank] - _lag[rank]));
            }
        }
    }

    /// <summary>The event with its cause, and its confidence in the light of who came last.</summary>
    public DetectionEvent Explain(in DetectionEvent found, IRankScreen screen)
    {
        int rank = found.Rank!.Value.Value;
        bool isInput = found.Cause == Cause.Input;
        (int mates, int slowMates) = NodeMates(rank, screen);
        var evidence = new CauseEvidence
        {
            Residual = isInput ? 0 : found.Residual,
            ResidualWithInput = isInput ? found.Residual : double.NaN,
            OwnShift = found.OwnShift,
            ExplainedByWorkload = Explained(_meanFeature[rank]),
            NodeMates = mates,
            SlowNodeMates = slowMates,
            ClockSlowdown = _clocks.SlowdownOf(rank),
            PeerClockSlowdown = _clocks.PeerSlowdownOf(rank),
            IsThrottled = _clocks.IsThrottled(rank),
            ArePeersThrottled = _clocks.ArePeersThrottled(rank),
        };
        _cause[rank] = CauseAttribution.Decide(in evidence);
        return found with
        {
            Cause = _cause[rank],
            Confidence = VerdictConfidence.Of(found.Residual, _effectMin, found.Sigma, CheckStepsOf(found.Mode), IsLate(rank)),
        };
    }

    /// <summary>Notes whether an accused rank lies beyond the spread of its cohort's chips, or changed by itself.</summary>
    public void Place(in DetectionEvent found, IRankScreen screen)
    {
        int rank = found.Rank!.Value.Value;
        if (found.Verdict == VerdictKind.PersistentSlowness)
        {
            _isBeyondSpread[rank] = true;
            return;
        }

        int count = 0;
        for (int other = 0; other < _cohorts.Length; other++)
        {
            if (screen.IsLearned(other) && _cohorts[other] == _cohorts[rank])
            {
                _scratch[count++] = Math.Abs(screen.CenterOf(other));
            }
        }

        double spread = count > 0 ? DeviationToSigma * OrderStatistics.Median(_scratch.AsSpan(0, count)) : 0;
        _isBeyondSpread[rank] = found.Residual >= SpreadFactor * spread;
    }

    /// <summary>Goes on with what another judge had found of a rank: one that changed by itself lies beyond the spread of its cohort's chips; of
    /// another <see cref="Place"/> tells once there is something to compare it with.</summary>
    public void TakeOver(Verdict verdict)
    {
        int rank = verdict.Rank!.Value.Value;
        _cause[rank] = verdict.Cause;
        _isBeyondSpread[rank] = verdict.Kind == VerdictKind.PersistentSlowness;
    }

    /// <summary>What <see cref="Place"/> noted.</summary>
    public bool IsBeyondSpread(int rank) => _isBeyondSpread[rank];

    /// <summary>Whether what was found goes away with the device or its machine.</summary>
    public bool IsOfTheDevice(int rank) => _cause[rank] is Cause.Compute or Cause.Host or Cause.Throttling;

    /// <summary>What is left of a residual once the rank's share of the work is accounted for.</summary>
    public double Unexplained(int rank, double residual) => residual - Explained(_feature[rank]);

    private static int CheckStepsOf(DetectionMode mode) =>
        mode == DetectionMode.Peers ? DetectionParameters.Peers.CheckSteps : DetectionParameters.SingleSeries.CheckSteps;

    private static bool IsDealEven(ReadOnlySpan<int> workUnits) => workUnits.IndexOfAnyExcept(workUnits[0]) < 0;

    private double Explained(double feature) => _hasFeature ? _regression.Slope * feature : 0;

    private void ObserveFeatures(StepFrame frame, IRankScreen screen)
    {
        _hasFeature = frame.Feature.IndexOfAnyExcept(0.0) >= 0;
        if (!_hasFeature)
        {
            return;
        }

        for (int group = 0; group < _groups.Length; group++)
        {
            _medianFeature[group] = MedianFeature(frame, _groups[group]);
        }

        for (int rank = 0; rank < _feature.Length; rank++)
        {
            double feature = LogFeature(frame, rank) - _medianFeature[_groupOf[rank]];
            bool isKnown = double.IsFinite(feature);
            _feature[rank] = isKnown ? (float)feature : 0;
            _meanFeature[rank] += (float)(FeatureGain * (_feature[rank] - _meanFeature[rank]));
            if (isKnown && screen.IsKnown(rank) && !screen.IsFlagged(rank))
            {
                _regression.Add(feature, screen.ResidualOf(rank));
            }
        }

        _regression.EndStep();
    }

    private double MedianFeature(StepFrame frame, int[] members)
    {
        int count = 0;
        foreach (int rank in members)
        {
            double feature = LogFeature(frame, rank);
            if (double.IsFinite(feature))
            {
                _scratch[count++] = feature;
            }
        }

        return count > 0 ? OrderStatistics.Median(_scratch.AsSpan(0, count)) : double.NaN;
    }

    private static double LogFeature(StepFrame frame, int rank) =>
        frame.Present[rank] && frame.WorkUnits[rank] > 0 && frame.Feature[rank] > 0
            ? Math.Log(frame.Feature[rank] / frame.WorkUnits[rank])
            : double.NaN;

    private bool? IsLate(int rank)
    {
        if (!_isLagTelling)
        {
            return null;
        }

        double latest = _lag.Max();
        return latest > 0 ? _lag[rank] >= LateShare * latest : null;
    }

    private (int Mates, int Slow) NodeMates(int rank, IRankScreen screen)
    {
        if (_options.Nodes is not { } nodes)
        {
            return (0, 0);
        }

        int mates = 0;
        int slow = 0;
        for (int other = 0; other < nodes.Count; other++)
        {
            if (other != rank && nodes[other] == nodes[rank] && screen.IsKnown(other))
            {
                mates++;
                slow += screen.IsFlagged(other) || screen.RecentResidualOf(other) >= 0.5 * _effectMin ? 1 : 0;
            }
        }

        return (mates, slow);
    }
}
