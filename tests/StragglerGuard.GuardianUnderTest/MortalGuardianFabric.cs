using System.Globalization;
using System.Threading.Channels;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Tests.Guardian.Durability;

namespace StragglerGuard.GuardianUnderTest;

/// <summary>The fabric as a mortal guardian has it; tells on standard output what was judged and offered.</summary>
internal sealed class MortalGuardianFabric(IGuardianFabric fabric, Fate fate) : IGuardianFabric
{
    public IGuardianPort OpenGuardian() => new Port(fabric.OpenGuardian(), fate);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static void Say(string what, long number)
    {
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what} {number}"));
        Console.Out.Flush();
    }

    private sealed class Port(IGuardianPort port, Fate fate) : IGuardianPort
    {
        public ChannelReader<NodeReport> Reports { get; } = new WatchedReports(port.Reports, last => Say("judged", last.Sequence));

        public long ReportsDropped => port.ReportsDropped;

        public bool IsLeader => port.IsLeader;

        public void Offer(OfferedPlan offer, IReadOnlySet<NodeId> nodes)
        {
            fate.Pass(FaultPoint.BeforeSend);
            port.Offer(offer, nodes);
            fate.Pass(FaultPoint.AfterSend);
            Say("offered", offer.Plan.Epoch.Value);
        }

        public void Dispose() => port.Dispose();
    }
}
