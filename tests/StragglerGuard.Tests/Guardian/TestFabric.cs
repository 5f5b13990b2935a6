using System.Threading.Channels;
using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Guardian;

/// <summary>The guardian's way as the test holds it: reports go in, offers come out.</summary>
internal sealed class TestFabric : IGuardianFabric
{
    private readonly Channel<NodeReport> _reports = Channel.CreateUnbounded<NodeReport>();
    private readonly Channel<OfferedPlan> _offers = Channel.CreateUnbounded<OfferedPlan>();

    public bool IsLeader { get; set; } = true;

    /// <summary>What the guardian is told of reports that it was too late for.</summary>
    public long ReportsDropped { get; set; }

    /// <summary>Called for every offer before anyone hears of it.</summary>
    public Action<OfferedPlan> OnOffer { get; set; } = _ => { };

    /// <summary>The nodes that the last offer was for.</summary>
    public IReadOnlySet<NodeId> OfferedTo { get; private set; } = new HashSet<NodeId>();

    public ChannelReader<OfferedPlan> Offers => _offers.Reader;

    public void Report(NodeReport report) => _reports.Writer.TryWrite(report);

    public IGuardianPort OpenGuardian() => new Port(this);

    public ValueTask DisposeAsync()
    {
        _reports.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    private sealed class Port(TestFabric fabric) : IGuardianPort
    {
        public ChannelReader<NodeReport> Reports => fabric._reports.Reader;

        public long ReportsDropped => fabric.ReportsDropped;

        public bool IsLeader => fabric.IsLeader;

        public void Offer(OfferedPlan offer, IReadOnlySet<NodeId> nodes)
        {
            fabric.OfferedTo = nodes;
            fabric.OnOffer(offer);
            fabric._offers.Writer.TryWrite(offer);
        }

        public void Dispose()
        {
        }
    }
}
