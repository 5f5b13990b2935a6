namespace StragglerGuard.Core.Detection;

/// <summary>What a rank's compute time is comparable within: its peers are the <em>other</em> ranks of the same cohort.</summary>
/// <param name="Stage">Pipeline stage, 0-based; 0 for all ranks of a purely data-parallel job.</param>
/// <param name="DeviceClass">What the rank computes on.</param>
public readonly record struct RankCohort(int Stage, DeviceClass DeviceClass)
{
    /// <inheritdoc/>
    public override string ToString() => Stage == 0 ? DeviceClass.Name : $"{DeviceClass.Name} of stage {Stage}";
}
