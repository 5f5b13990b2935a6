using StragglerGuard.Fabric;
using StragglerGuard.Fabric.Wire;
using StragglerGuard.Recording;

namespace StragglerGuard.AkkaCluster.Agents;

/// <summary>Whether a report may be sent at all.</summary>
internal static class ReportSize
{
    /// <summary>What a rank or a worker takes beyond its records, unless its names are very long.</summary>
    private const int RankBytes = 1_024;

    /// <summary>A report that is far from the limit isn't written only to be measured.</summary>
    private const int SurelySmallBytes = WireFormat.MessageBytesMax / 4;

    public static bool IsTooLarge(NodeReport report)
    {
        long roughly = (long)RankBytes * (report.Standby.Count + 1);
        foreach (RankReport rank in report.Ranks)
        {
            roughly += RankBytes + ((long)rank.Timings.Length * StepRecordLayout.RecordBytes) + (4L * (rank.Failure?.Reason.Length ?? 0));
        }

        return roughly > SurelySmallBytes && WireFormat.Encode(report).Length > WireFormat.MessageBytesMax;
    }
}
