using Akka.Actor;
using Akka.Cluster.Tools.Client;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Benchmarks.Workloads;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>
/// One node of the fleet as the guardian sees it: says hello, reports to whom it is welcomed by, asks for receipts as an agent does. It holds
/// nothing back and sends nothing again, so that what is lost is seen.
/// </summary>
internal sealed class ReportingNode : UntypedActor
{
    /// <summary>An agent asks for a receipt when its last is older than two seconds.</summary>
    private const int ReportsPerReceipt = 2;

    private const int SecondsPerHello = 10;

    private readonly ReportingFleet _fleet;
    private readonly LoadCounts _counts;
    private readonly IActorRef _client;
    private readonly NodeReport _template;
    private readonly int _node;
    private IActorRef? _intake;
    private long _sequence;
    private long _acknowledged;
    private int _seconds;

    public ReportingNode(ReportingFleet fleet, int node, LoadCounts counts, IActorRef client)
    {
        _fleet = fleet;
        _node = node;
        _counts = counts;
        _client = client;
        _template = fleet.Report(node, rank => new StepTiming { Kind = TimingKind.SkewProbe, Rank = new Core.Rank(rank), DepartureNs = 20_000 });
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case SecondBegins { IsReporting: var isReporting }:
                if (_seconds++ % SecondsPerHello == 0 || _intake is null)
                {
                    _client.Tell(new ClusterClient.Send(GuardNames.SingletonProxyPath, new AgentHello(_template.Node, Self), localAffinity: true));
                }

                if (isReporting)
                {
                    Report(_template with { Sequence = ++_sequence, Ranks = NewRanks() }, wantsReceipt: _sequence % ReportsPerReceipt == 0);
                }

                break;
            case LastReceipt:
                Report(_template with { Sequence = ++_sequence, Ranks = [] }, wantsReceipt: true);
                break;
            case GuardianWelcome welcome:
                if (_intake is null)
                {
                    Interlocked.Increment(ref _counts.Welcomed);
                    _intake = welcome.Intake;
                    Report(_template with { Sequence = ++_sequence }, wantsReceipt: true);
                }

                _intake = welcome.Intake;
                break;
            case ReportReceipt receipt when receipt.Sequence > _acknowledged:
                Interlocked.Add(ref _counts.Acknowledged, receipt.Sequence - _acknowledged);
                _acknowledged = receipt.Sequence;
                break;
        }
    }

    private void Report(NodeReport report, bool wantsReceipt)
    {
        _intake?.Tell(new AgentReport(report, wantsReceipt));
        Interlocked.Increment(ref _counts.Sent);
    }

    private RankReport[] NewRanks()
    {
        ReadOnlyMemory<StepTiming> timings = _fleet.Timings(_node);
        var ranks = new RankReport[_template.Ranks.Count];
        for (int i = 0; i < ranks.Length; i++)
        {
            ranks[i] = _template.Ranks[i] with { Timings = timings.Slice(i, 1) };
        }

        return ranks;
    }

    /// <summary>The node's second begins.</summary>
    internal sealed record SecondBegins(bool IsReporting)
    {
        public static readonly SecondBegins Reporting = new(IsReporting: true);

        public static readonly SecondBegins Quiet = new(IsReporting: false);
    }

    /// <summary>Everything is sent: what has come is to be said.</summary>
    internal sealed class LastReceipt
    {
        public static readonly LastReceipt Instance = new();
    }
}

/// <summary>What all nodes together have seen.</summary>
internal sealed class LoadCounts
{
    public long Welcomed;
    public long Sent;
    public long Acknowledged;
}
