using System.Threading.Channels;
using Akka.Actor;
using Akka.Remote;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Tests.Settings;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Agents;

/// <summary>An agent, and a guardian and a way to it that say what the test has them say. Time passes where the test says so.</summary>
public sealed class AgentActorTests : IDisposable
{
    private static readonly NodeId Node = new("node-a");

    private readonly ActorSystem _system = ActorSystem.Create("agent", "akka.loglevel = OFF");
    private readonly Channel<OfferedPlan> _offers = Channel.CreateUnbounded<OfferedPlan>();
    private readonly Refusals _refusals = new();
    private readonly AgentPort _port;
    private readonly IActorRef _guardian;
    private readonly ChannelReader<object> _way;
    private readonly ChannelReader<object> _intake;
    private long _nowNs;

    public AgentActorTests()
    {
        (IActorRef way, _way) = LoopbackSystems.Listen(_system, "way");
        (_guardian, _intake) = LoopbackSystems.Listen(_system, "intake");
        _port = new AgentPort(Node, offer => _offers.Writer.TryWrite(offer), _refusals, () => Interlocked.Read(ref _nowNs));
        _port.Start(_system, way, "agent");
    }

    public void Dispose()
    {
        _port.Dispose();
        _system.Terminate().Wait(Patience.Limit);
        _system.Dispose();
    }

    [Fact]
    public async Task Agent_WithoutGuardian_SaysHelloEverySecondAndSendsNothing()
    {
        _port.Report(Reports.Report(1));

        (await _way.Next()).Should().Be(new AgentHello(Node, _port.Actor));
        Pass(1);
        (await _way.Next()).Should().Be(new AgentHello(Node, _port.Actor));

        _intake.TryRead(out _).Should().BeFalse();
        _port.ReportsDropped.Should().Be(0);
        _port.Guardian.Should().BeNull();
        _port.SinceReceiptNs.Should().BeNull();
    }

    [Fact]
    public async Task Agent_OnceWelcomed_SendsTheNewestInOrderAndNoMoreThanMayBeUnderWay()
    {
        for (int sequence = 1; sequence <= AgentPort.WaitingMax + 44; sequence++)
        {
            _port.Report(Reports.Report(sequence, records: 0));
        }

        _port.ReportsDropped.Should().Be(44);
        Welcome("g");

        (await Sent(16)).Select(report => report.Report.Sequence).Should().Equal(Enumerable.Range(45, 16).Select(i => (long)i));
        Receipt(60);
        (await Sent(16)).Select(report => report.Report.Sequence).Should().Equal(Enumerable.Range(61, 16).Select(i => (long)i));
        _intake.TryRead(out _).Should().BeFalse();
        _port.Guardian.Should().Be("g");
    }

    [Fact]
    public async Task Agent_StartedAnewAfterAMistake_LooksForTheGuardianAndSendsTheUnacknowledgedAgain()
    {
        int mistakes = 0;
        (IActorRef way, ChannelReader<object> heard) = LoopbackSystems.Listen(_system, "other-way");
        using var fragile = new AgentPort(Node, _ => { }, _refusals, () =>
            Interlocked.Exchange(ref mistakes, 0) == 0 ? 0 : throw new InvalidOperationException("a mistake"));
        fragile.Start(_system, way, "fragile");
        await heard.Next();
        fragile.Actor.Tell(new GuardianWelcome("g", _guardian));
        fragile.Report(Reports.Report(1));
        await Sent(1);
        (await heard.Next()).Should().BeOfType<WayServes>();

        Interlocked.Exchange(ref mistakes, 1);
        fragile.Actor.Tell(new ReportReceipt(0));

        (await heard.Next()).Should().Be(new AgentHello(Node, fragile.Actor));
        fragile.Actor.Tell(new GuardianWelcome("g", _guardian));
        (await Sent(1))[0].Report.Sequence.Should().Be(1);
    }

    [Fact]
    public async Task Agent_WelcomedByAnotherGuardian_SendsTheUnacknowledgedAgain()
    {
        Welcome("g");
        _port.Report(Reports.Report(1));
        _port.Report(Reports.Report(2));
        _port.Report(Reports.Report(3));
        await Sent(3);
        Receipt(1);

        Welcome("h");

        (await Sent(2)).Select(report => (report.Report.Sequence, report.WantsReceipt)).Should().Equal((2, false), (3, true));
    }

    [Fact]
    public async Task Agent_WhoseGuardianHandsOver_LooksForTheNextAtOnceAndSendsItTheUnacknowledged()
    {
        await Heard<AgentHello>(_way);
        Welcome("g");
        _port.Report(Reports.Report(1));
        await Sent(1);

        _port.Actor.Tell(new GuardianFarewell("somebody else"));
        _port.Actor.Tell(new GuardianFarewell("g"));

        // No time passes here but what the test says: without the farewell none would come.
        await Heard<AgentHello>(_way);
        Pass(0.5);
        await Heard<AgentHello>(_way);
        _port.Report(Reports.Report(2));
        Welcome("h");
        (await Sent(2)).Select(report => (report.Report.Sequence, report.WantsReceipt)).Should().Equal((1, true), (2, true));
    }

    [Fact]
    public async Task Agent_WelcomedAgainByTheSameGuardian_SendsNothingTwice()
    {
        Welcome("g");
        _port.Report(Reports.Report(1));
        await Sent(1);

        Welcome("g");
        _port.Report(Reports.Report(2));

        (await Sent(1)).Single().Report.Sequence.Should().Be(2);
    }

    [Fact]
    public async Task Agent_WhoseReceiptsDontCome_TakesTheLongerWay()
    {
        Welcome("g");
        _port.Report(Reports.Report(1));
        await Sent(1);

        Pass(3);
        await Heard<AgentHello>(_way);
        Welcome("g");

        AgentReport again = await Heard<AgentReport>(_way);
        again.WantsReceipt.Should().BeTrue();
        again.Report.Sequence.Should().Be(1);
        Receipt(1);
        _port.Report(Reports.Report(2));
        (await Heard<AgentReport>(_way)).Report.Sequence.Should().Be(2);
        _intake.TryRead(out _).Should().BeFalse();
    }

    [Fact]
    public async Task Agent_WhoseHellosAreNotAnswered_DoubtsTheWay()
    {
        await Heard<AgentHello>(_way);

        Pass(3);

        await Heard<WayInDoubt>(_way);
    }

    [Fact]
    public async Task Agent_WhoseConnectionToTheGuardianEnds_LooksForOneAtOnceAndSendsItAllThatWasUnderWay()
    {
        Welcome("g");
        _port.Report(Reports.Report(1));
        await Sent(1);
        Receipt(1);
        (await _way.Next(2)).Select(said => said.GetType()).Should().BeEquivalentTo(
            [typeof(AgentHello), typeof(WayServes)], options => options.WithoutStrictOrdering(), "the welcome may come before the first look around");
        Pass(1);

        _port.Actor.Tell(new DisassociatedEvent(_port.Actor.Path.Address, new Address("akka.tcp", "another", "127.0.0.1", 1), false));
        _port.Report(Reports.Report(2));
        await Sent(1);
        _way.TryRead(out _).Should().BeFalse("the other connection is none of its business");
        _port.Actor.Tell(new DisassociatedEvent(_port.Actor.Path.Address, _guardian.Path.Address, false));

        (await _way.Next()).Should().BeOfType<WayInDoubt>();
        await Heard<AgentHello>(_way);
        _port.Report(Reports.Report(3));
        Welcome("g");
        (await Sent(2)).Select(report => (report.Report.Sequence, report.WantsReceipt)).Should().Equal((2, true), (3, false));
    }

    [Fact]
    public async Task Agent_WhoseGuardianLacksAReport_SendsItAgainWithThoseBehind()
    {
        Welcome("g");
        for (int sequence = 1; sequence <= 3; sequence++)
        {
            _port.Report(Reports.Report(sequence));
        }

        List<AgentReport> first = await Sent(3);
        first.Select(report => report.Distance).Should().Equal(0, 1, 1);
        first.Select(report => report.Agent).Distinct().Should().Equal(_port.Number);

        _port.Actor.Tell(new ReportReceipt(1, LacksOlder: true));

        (await Sent(2)).Select(report => (report.Report.Sequence, report.Distance, report.WantsReceipt)).Should().Equal((2, 0, false), (3, 1, true));
    }

    [Fact]
    public async Task Agent_ThatHasNothingOutstanding_SaysSo()
    {
        _port.OutstandingNs.Should().BeNull();
        _port.SinceWelcomeNs.Should().BeNull();
        _port.Report(Reports.Report(1));
        Pass(5);
        _port.OutstandingNs.Should().Be(5_000_000_000);
        Welcome("g");
        await Sent(1);
        _port.SinceWelcomeNs.Should().Be(0);
        Pass(2);
        _port.Report(Reports.Report(2));
        await Sent(1);
        Pass(1);
        _port.OutstandingNs.Should().Be(3_000_000_000, "it was welcomed three seconds ago, and nothing was acknowledged since");

        Receipt(2);
        (await _port.FlushAsync(Patience.Limit)).Should().BeTrue();

        _port.OutstandingNs.Should().BeNull();
        Pass(60);
        _port.OutstandingNs.Should().BeNull("a minute without reports is no silence of the guardian's");
        _port.Report(Reports.Report(3));
        _port.OutstandingNs.Should().Be(0);
    }

    [Fact]
    public async Task Report_BeyondTheSizeLimit_IsDroppedCountedAndHoldsUpNoOther()
    {
        Welcome("g");

        _port.Report(Reports.Report(1, records: (16 << 20) / 128));
        _port.Report(Reports.Report(2));

        (await Sent(1)).Single().Report.Sequence.Should().Be(2);
        _port.ReportsDropped.Should().Be(1);
        Receipt(2);
        _port.Report(Reports.Report(3, records: (16 << 20) / 128));
        (await _port.FlushAsync(Patience.Limit)).Should().BeTrue();
        _port.OutstandingNs.Should().BeNull("what can't be sent waits for no receipt");
        _port.ReportsDropped.Should().Be(2);
    }

    [Fact]
    public async Task Flush_WaitsForTheReceiptOfTheNewest()
    {
        Welcome("g");
        _port.Report(Reports.Report(1));
        await Sent(1);
        Receipt(1);
        _port.Report(Reports.Report(2));
        (await Sent(1)).Single().WantsReceipt.Should().BeFalse("a receipt has just come");

        Task<bool> flush = _port.FlushAsync(Patience.Limit).AsTask();

        AgentReport asking = (await Sent(1)).Single();
        asking.WantsReceipt.Should().BeTrue();
        asking.Report.Sequence.Should().Be(2);
        flush.IsCompleted.Should().BeFalse();
        Receipt(2);
        (await flush.WaitAsync(Patience.Limit)).Should().BeTrue();
    }

    [Fact]
    public async Task Flush_WithNothingReported_IsDone() => (await _port.FlushAsync(TimeSpan.Zero)).Should().BeTrue();

    [Fact]
    public async Task Flush_WithoutGuardian_SaysThatItIsNotDone()
    {
        _port.Report(Reports.Report(1));

        (await _port.FlushAsync(TimeSpan.FromMilliseconds(20))).Should().BeFalse();
    }

    [Fact]
    public async Task Offer_IsHandedDownAndACallbackThatThrowsHarmsNoReport()
    {
        using var clumsy = new AgentPort(Node, _ => throw new InvalidOperationException("clumsy"), _refusals, () => 0);
        clumsy.Start(_system, ActorRefs.Nobody, "clumsy");
        clumsy.Actor.Tell(new GuardianWelcome("g", _guardian));
        clumsy.Report(Reports.Report(1));
        await Sent(1);

        clumsy.Actor.Tell(new PlanOffered(Reports.Offer(3)));
        clumsy.Report(Reports.Report(2));
        _port.Actor.Tell(new PlanOffered(Reports.Offer(4)));

        (await Sent(1)).Single().Report.Sequence.Should().Be(2);
        (await _offers.Reader.Next()).Should().Be(Reports.Offer(4));
    }

    [Fact]
    public async Task Unreadable_IsCountedAndHarmsNothing()
    {
        Welcome("g");
        _port.Actor.Tell(new Unreadable("offer:2", "version 2 of offer; this build reads up to 1"));
        _port.Report(Reports.Report(1));

        await Sent(1);

        _refusals.Total.Should().Be(1);
        _refusals.Last.Should().Be("offer:2: version 2 of offer; this build reads up to 1");
    }

    [Fact]
    public async Task Dispose_SendsWhatWaitsAndSaysGoodbye()
    {
        Welcome("g");
        for (int sequence = 1; sequence <= 20; sequence++)
        {
            _port.Report(Reports.Report(sequence, records: 0));
        }

        _port.Dispose();

        (await Sent(20)).Select(report => report.Report.Sequence).Should().Equal(Enumerable.Range(1, 20).Select(i => (long)i));
        (await _intake.Next()).Should().Be(new AgentGoodbye(Node, _port.Actor));
        await _port.Actor.WatchAsync().WaitAsync(Patience.Limit);
        _port.Report(Reports.Report(21));
        _port.ReportsDropped.Should().Be(1);
        (await _port.FlushAsync(Patience.Limit)).Should().BeFalse();
    }

    [Fact]
    public async Task Port_WhoseSystemEnded_IsServedByTheNextOneAsIfNothingHadBeen()
    {
        Welcome("g");
        _port.Report(Reports.Report(1));
        await Sent(1);
        Task<bool> flush = _port.FlushAsync(Patience.Limit).AsTask();
        IActorRef former = _port.Actor;
        await former.GracefulStop(Patience.Limit);
        _port.Report(Reports.Report(2));
        (IActorRef way, ChannelReader<object> heard) = LoopbackSystems.Listen(_system, "next-way");

        _port.StartAnew(_system, way, "next-agent");

        _port.Actor.Should().NotBe(former);
        (await Heard<AgentHello>(heard)).ReplyTo.Should().Be(_port.Actor);
        Welcome("g");
        (await Sent(2)).Select(report => report.Report.Sequence).Should().Equal([1, 2], "the guardian may not have got what the former one sent");
        flush.IsCompleted.Should().BeFalse();
        _port.Report(Reports.Report(3));
        (await Sent(1)).Single().Report.Sequence.Should().Be(3, "reports wake the actor of now");
        Receipt(3);
        (await flush.WaitAsync(Patience.Limit)).Should().BeTrue();
    }

    [Fact]
    public async Task Flush_ThatIsGivenUp_AsksForReceiptsNoLonger()
    {
        Welcome("g");
        _port.Report(Reports.Report(1));
        (await Sent(1)).Single().WantsReceipt.Should().BeTrue("there has been none yet");
        Receipt(1);
        _port.Report(Reports.Report(2));
        (await Sent(1)).Single().WantsReceipt.Should().BeFalse();
        (await _port.FlushAsync(TimeSpan.Zero)).Should().BeFalse();

        _port.Report(Reports.Report(3));

        AgentReport sent;
        do
        {
            // It may have asked by the second one before it was given up.
            sent = (await Sent(1)).Single();
        }
        while (sent.Report.Sequence < 3);
        sent.WantsReceipt.Should().BeFalse();
    }

    [Fact]
    public async Task Dispose_OutOfTouch_SendsWhatWasUnderWayAndWhatWaitsByTheLongerWay()
    {
        Welcome("g");
        _port.Report(Reports.Report(1));
        await Sent(1);
        _port.Actor.Tell(new DisassociatedEvent(_port.Actor.Path.Address, _guardian.Path.Address, false));
        _port.Report(Reports.Report(2));

        _port.Dispose();

        (await Heard<AgentReport>(_way)).Report.Sequence.Should().Be(1);
        (await Heard<AgentReport>(_way)).Report.Sequence.Should().Be(2);
        (await Heard<AgentGoodbye>(_way)).Should().Be(new AgentGoodbye(Node, _port.Actor));
    }

    private void Pass(double seconds)
    {
        Interlocked.Add(ref _nowNs, (long)(seconds * 1e9));
        _port.Actor.Tell(AgentActor.LookAround.Instance);
    }

    private void Welcome(string guardian) => _port.Actor.Tell(new GuardianWelcome(guardian, _guardian));

    private void Receipt(long sequence) => _port.Actor.Tell(new ReportReceipt(sequence));

    private async Task<List<AgentReport>> Sent(int count) => [.. (await _intake.Next(count)).Cast<AgentReport>()];

    private static async Task<T> Heard<T>(ChannelReader<object> reader)
    {
        while (true)
        {
            if (await reader.Next() is T message)
            {
                return message;
            }
        }
    }
}
