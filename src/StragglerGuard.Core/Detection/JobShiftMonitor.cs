using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Detection;

/// <summary>Watches what all ranks' levels have in common, with the detector's own statistics.</summary>
internal sealed class JobShiftMonitor
{
    private readonly DetectionParameters _parameters;
    private readonly SelfBaseline _baseline;
    private TwoSidedCusum _cusum;
    private int _refusedSteps;

    public JobShiftMonitor(DetectionParameters parameters, double[] scratch)
    {
        _parameters = parameters;
        _baseline = new SelfBaseline(parameters.BaselineSteps, parameters.SigmaFloor, scratch);
    }

    /// <summary>Whether all together became slower.</summary>
    public bool IsSlower => _cusum.Up >= _parameters.DecisionLimitZ;

    /// <summary>Whether all together became faster.</summary>
    public bool IsFaster => _cusum.Down >= _parameters.DecisionLimitZ;

    /// <summary>Step at which the change began, of the side that fired.</summary>
    public long OnsetStep => IsSlower ? _cusum.UpOnsetStep : _cusum.DownOnsetStep;

    /// <summary>σ of the common part.</summary>
    public double Sigma => _baseline.Sigma;

    /// <summary>Takes the median over the ranks of their distance from their own history.</summary>
    public void Add(double common, long step)
    {
        if (_baseline.Count < _parameters.WarmUpSteps)
        {
            _baseline.Add(common);
            if (_baseline.Count == _parameters.WarmUpSteps)
            {
                _baseline.Refresh();
            }

            return;
        }

        double z = (common - _baseline.Center) / _baseline.Sigma;
        _cusum.Add(z, step, _parameters);
        if (Math.Abs(z) <= _parameters.ClipZ && !IsSlower && !IsFaster)
        {
            _refusedSteps = Math.Max(0, _refusedSteps - 1);
            _baseline.Add(common);
        }
        else if (++_refusedSteps >= 2 * _parameters.WarmUpSteps)
        {
            // Neither healthy nor a shift worth a word, and lasting: the noise has changed.
            _baseline.Clear();
            Settle();
        }
    }

    /// <summary>The ranks' histories have followed: the common part is back at zero.</summary>
    public void Settle()
    {
        _cusum.Reset();
        _refusedSteps = 0;
    }
}
