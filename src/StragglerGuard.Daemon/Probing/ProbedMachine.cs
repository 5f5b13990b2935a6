using System.Collections.Immutable;
using StragglerGuard.Core.Probing;
using static StragglerGuard.Daemon.CommandLine.TerminalText;

namespace StragglerGuard.Daemon.Probing;

/// <summary>What was measured, and on what.</summary>
/// <param name="DeviceKind">What the device is, as <c>cpu</c>: no figure of it says anything about another kind.</param>
/// <param name="DeviceName">What the device calls itself.</param>
/// <param name="Device">Compute and memory, both probed.</param>
/// <param name="Ranks">Ranks of the loopback group; 0 for none.</param>
/// <param name="PayloadBytes">Of the message that measured bandwidth.</param>
/// <param name="Links">One a link; empty without a group.</param>
/// <param name="Findings">What the judge says about the links.</param>
internal sealed record ProbedMachine(
    string DeviceKind, string DeviceName, DeviceProbeReading Device, int Ranks, int PayloadBytes, ImmutableArray<LinkReading> Links, LinkFindings Findings)
{
    public GemmReading Gemm => Device.Gemm!;

    public MemoryReading Memory => Device.Memory!;

    /// <summary>One sentence about the links; null without a group.</summary>
    public string? LinkSummary
    {
        get
        {
            if (Ranks == 0)
            {
                return null;
            }

            int fit = Findings.Links.Count(link => link is ProbeVerdict.Fit);
            int slow = Findings.Links.Count(link => link is ProbeVerdict.Slow);
            return Say($"{Links.Length} link{(Links.Length == 1 ? "" : "s")}: {fit} fit, {slow} slow, {Links.Length - fit - slow} unknown");
        }
    }
}
