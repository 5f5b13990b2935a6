namespace StragglerGuard.Core.Timing;

/// <summary>The one place that says which records can be believed, for every receiver of <see cref="StepTiming"/>.</summary>
internal static class TimingValidation
{
    /// <summary>Judges a record on its own, in the order in which its fields can be trusted.</summary>
    public static FrameAdmission Judge(in StepTiming timing, Generation generation, int ranks, TimingKind kind)
    {
        if (timing.Generation != generation)
        {
            return FrameAdmission.OtherGeneration;
        }

        if ((uint)timing.Rank.Value >= (uint)ranks)
        {
            return FrameAdmission.UnknownRank;
        }

        if (timing.Kind != kind)
        {
            return FrameAdmission.OtherKind;
        }

        // The difference is tested too: it can overflow although departure follows arrival.
        bool contradictory = timing.Step < 0
            || timing.ComputeNs < 0
            || timing.DataWaitNs < 0
            || timing.DepartureNs < timing.ArrivalNs
            || timing.CollectiveNs < 0
            || timing.WorkUnits < 0
            || !(timing.Weight >= 0)
            || double.IsInfinity(timing.Weight)
            || !double.IsFinite(timing.WorkloadFeature);
        return contradictory ? FrameAdmission.Invalid : FrameAdmission.Accepted;
    }
}
