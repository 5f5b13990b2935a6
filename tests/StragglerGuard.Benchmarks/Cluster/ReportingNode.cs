using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.Benchmarks.Workloads;
using StragglerGuard.Core;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>One node of the fleet: its agent's way to the guardian, as the product has it, and what it reports from second to second.</summary>
internal sealed class ReportingNode
{
    private const long SkewNs = 20_000;

    private readonly ReportingFleet _fleet;
    private readonly int _node;
    private readonly NodeReport _template;
    private readonly AgentPort _port;
    private long _sequence;

    /// <summary>Opens the way, and says what the ranks measured of their clocks' skew.</summary>
    public ReportingNode(ReportingFleet fleet, int node, AkkaAgentFabric fabric)
    {
        _fleet = fleet;
        _node = node;
        _template = fleet.Report(
            node, rank => new StepTiming { Kind = TimingKind.SkewProbe, Rank = new Rank(rank), DepartureNs = SkewNs + (rank % 1_000) });
        _port = (AgentPort)fabric.OpenAgent(_template.Node, _ => { });
        _port.Report(_template with { Sequence = ++_sequence });
    }

    /// <summary>Reports that gave way to newer ones before they were sent.</summary>
    public long Dropped => _port.ReportsDropped;

    /// <summary>Whether a receipt has come within some seconds.</summary>
    public bool IsHeard(double withinSeconds) => _port.Guardian is not null && _port.SinceReceiptNs * 1e-9 < withinSeconds;

    /// <summary>Waits until the guardian has everything.</summary>
    public ValueTask<bool> FlushAsync(TimeSpan timeout) => _port.FlushAsync(timeout);

    /// <summary>Reports what this second brought.</summary>
    public void Report()
    {
        ReadOnlyMemory<StepTiming> timings = _fleet.Timings(_node);
        var ranks = new RankReport[_template.Ranks.Count];
        for (int i = 0; i < ranks.Length; i++)
        {
            // Where reports wait, the fleet's own records are soon others.
            ranks[i] = _template.Ranks[i] with { Timings = timings.Slice(i, 1).ToArray() };
        }

        _port.Report(_template with { Sequence = ++_sequence, Ranks = ranks });
    }
}
