using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Detection;

/// <summary>Watches the time that the collective itself takes, whoever came last: the fabric.</summary>
/// <remarks>
/// A CUSUM on log(transfer), with the check of the slowness detector. A rank that is starved of its processor moves its part of the data
/// late, too: while a rank is slow or suspect its fabric is a symptom, so a slow transfer is told only once it has lasted
/// <see cref="HoldSteps"/> steps with no rank to blame.
/// </remarks>
internal sealed class FabricMonitor
{
    /// <summary>Steps for which a slow transfer waits for a rank to be found behind it.</summary>
    public const int HoldSteps = 10;

    /// <summary>Smallest change of the transfer worth a word, in logs: 25 %. It is noisier than compute, and a retry is no fault.</summary>
    public static readonly double SmallestChange = Math.Log(1.25);

    private const double SigmaFloor = 0.05;
    private const int CheckSteps = 5;
    private const int CalmStepsNeeded = 8;
    private const double MedianError = 1.2533;

    private readonly DetectionParameters _parameters = DetectionParameters.Peers;
    private readonly SelfBaseline _level;
    private readonly double[] _recent = new double[CheckSteps];
    private TwoSidedCusum _cusum;
    private int _seen;
    private int _refusedSteps;
    private int _heldSteps;
    private int _calmSteps;
    private long _onsetStep;
    private long _calmFrom;
    private bool _isLearned;

    public FabricMonitor(double[] scratch) => _level = new SelfBaseline(_parameters.BaselineSteps, SigmaFloor, scratch);

    /// <summary>Whether a slow fabric was told and is not over.</summary>
    public bool IsSlow { get; private set; }

    /// <summary>Takes a complete step's transfer.</summary>
    /// <param name="transferNs">Above 0.</param>
    /// <param name="step">The step.</param>
    /// <param name="isRankToBlame">Whether a rank is slow or suspect of it now.</param>
    /// <param name="ranks">Ranks that took part.</param>
    /// <param name="sink">Where findings go.</param>
    public void Add(long transferNs, long step, bool isRankToBlame, int ranks, DetectionEvents sink)
    {
        double value = Math.Log(transferNs);
        _recent[_seen++ % CheckSteps] = value;
        if (!_isLearned)
        {
            Learn(value);
            return;
        }

        double z = (value - _level.Center) / _level.Sigma;
        if (IsSlow)
        {
            JudgeRecovery(step, ranks, sink);
            return;
        }

        _cusum.Add(z, step, _parameters);
        bool isOver = _cusum.Up >= _parameters.DecisionLimitZ;
        if (isOver && ShiftNow() >= Threshold())
        {
            // Whoever is behind it is found within a few steps of it; held on for as long as someone is.
            _heldSteps = isRankToBlame ? 0 : _heldSteps + 1;
            if (_heldSteps >= HoldSteps)
            {
                Raise(step, ranks, sink);
            }

            return;
        }

        _heldSteps = 0;
        AdmitOrRefuse(value, z, isOver || _cusum.Down >= _parameters.DecisionLimitZ);
    }

    private void Learn(double value)
    {
        _level.Add(value);
        if (_level.Count >= _parameters.WarmUpSteps)
        {
            _level.Refresh();
            _isLearned = true;
        }
    }

    private void Raise(long step, int ranks, DetectionEvents sink)
    {
        IsSlow = true;
        _calmSteps = 0;
        _heldSteps = 0;
        _onsetStep = _cusum.UpOnsetStep;
        double shift = ShiftNow();
        sink.Add(Event(DetectionEventKind.FindingRaised, _onsetStep, step, shift, ranks) with
        {
            Confidence = VerdictConfidence.Of(shift, SmallestChange, _level.Sigma, CheckSteps),
        });
        _cusum.Reset();
    }

    private void JudgeRecovery(long step, int ranks, DetectionEvents sink)
    {
        double shift = ShiftNow();
        bool isCalm = shift < 0.5 * Threshold();
        _calmFrom = isCalm && _calmSteps == 0 ? step : _calmFrom;
        _calmSteps = isCalm ? _calmSteps + 1 : 0;
        if (_calmSteps >= CalmStepsNeeded)
        {
            IsSlow = false;
            _refusedSteps = 0;
            sink.Add(Event(DetectionEventKind.FindingCleared, _calmFrom, step, shift, ranks));
        }
    }

    private DetectionEvent Event(DetectionEventKind kind, long changedAtStep, long step, double shift, int ranks) => new()
    {
        Kind = kind,
        Verdict = VerdictKind.FabricSlowdown,
        Mode = DetectionMode.OwnHistory,
        OnsetStep = _onsetStep,
        ChangedAtStep = changedAtStep,
        RaisedAtStep = step,
        Slowdown = Math.Exp(shift),
        Residual = shift,
        OwnShift = shift,
        Sigma = _level.Sigma,
        Threshold = Threshold(),
        RanksCompared = ranks,
        Cause = Cause.Fabric,
    };

    private double ShiftNow()
    {
        Span<double> values = stackalloc double[CheckSteps];
        _recent.CopyTo(values);
        return OrderStatistics.Median(values) - _level.Center;
    }

    private double Threshold()
    {
        double error = MedianError * _level.Sigma * Math.Sqrt((1.0 / CheckSteps) + (1.0 / _level.Count));
        return Math.Max(Math.Max(SmallestChange, _level.Sigma), _parameters.Significance * error);
    }

    private void AdmitOrRefuse(double value, double z, bool isOver)
    {
        if (Math.Abs(z) <= _parameters.ClipZ && !isOver)
        {
            _refusedSteps = Math.Max(0, _refusedSteps - 1);
            _level.Add(value);
        }
        else if (++_refusedSteps >= _parameters.WarmUpSteps)
        {
            // Faster, or other noise, and lasting: learned anew.
            _level.Clear();
            _cusum.Reset();
            _refusedSteps = 0;
            _isLearned = false;
        }
    }
}
