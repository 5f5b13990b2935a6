namespace StragglerGuard.Core.Detection;

/// <summary>Keeps how far all ranks together are from where they began, and tells when that is slow.</summary>
internal sealed class CommonSlowness(double effectMin)
{
    private double _level;
    private bool _isTold;
    private long _onsetStep;

    /// <summary>Takes a common shift; whether it is from own histories or back to them shows in the sum.</summary>
    public void Follow(in DetectionEvent shift, DetectionEvents sink)
    {
        // Faster than at the start is the new start: only slower is worth a finding.
        _level = Math.Max(0, _level + shift.OwnShift);
        bool isSlow = _isTold ? _level >= 0.5 * effectMin : _level >= effectMin;
        if (isSlow == _isTold)
        {
            return;
        }

        _isTold = isSlow;
        _onsetStep = isSlow ? shift.OnsetStep : _onsetStep;
        sink.Add(shift with
        {
            Kind = isSlow ? DetectionEventKind.FindingRaised : DetectionEventKind.FindingCleared,
            Verdict = VerdictKind.GroupSlowdown,
            OnsetStep = _onsetStep,
            ChangedAtStep = shift.OnsetStep,
            Slowdown = Math.Exp(_level),
            Residual = _level,
            Threshold = effectMin,
            Confidence = isSlow
                ? Attribution.VerdictConfidence.Of(_level, effectMin, shift.Sigma, DetectionParameters.SingleSeries.CheckSteps)
                : 0,
        });
    }
}
