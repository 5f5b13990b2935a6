using System.Threading.Channels;
using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>A mortal guardian's way to the ranks, as the test holds it: reports go in, offers come out, and it is known when all is judged.</summary>
internal sealed class MortalFabric(Fate fate, Action<OfferedPlan> deliver) : IGuardianFabric
{
    private readonly Channel<NodeReport> _reports = Channel.CreateUnbounded<NodeReport>();
    private readonly SemaphoreSlim _idle = new(0);

    /// <summary>Reports, and comes back when the guardian has judged it, dead or alive.</summary>
    public async Task ReportAsync(NodeReport report, TimeSpan limit)
    {
        while (_idle.Wait(0))
        {
            // What it was idle before.
        }

        _reports.Writer.TryWrite(report).Should().BeTrue();
        (await _idle.WaitAsync(limit)).Should().BeTrue("the guardian reads its reports");
    }

    public IGuardianPort OpenGuardian() => new Port(this);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private sealed class Port(MortalFabric fabric) : IGuardianPort
    {
        public ChannelReader<NodeReport> Reports { get; } = new WatchedReports(fabric._reports.Reader, _ => fabric._idle.Release());

        public long ReportsDropped => 0;

        public bool IsLeader => true;

        public void Offer(OfferedPlan offer, IReadOnlySet<NodeId> nodes)
        {
            fabric.Fate.Pass(FaultPoint.BeforeSend);
            fabric.Deliver(offer);
            fabric.Fate.Pass(FaultPoint.AfterSend);
        }

        public void Dispose()
        {
        }
    }

    private Fate Fate => fate;

    private void Deliver(OfferedPlan offer) => deliver(offer);
}
