using Akka.Actor;
using Akka.TestKit.Xunit2;
using StragglerGuard.AkkaCluster.Control;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;
using StragglerGuard.Tests.Guardian;

namespace StragglerGuard.AkkaCluster.Tests.Control;

public sealed class ControlDeskTests : TestKit
{
    private static readonly JobId Job = new("llm-7b");

    private readonly GuardInstruments _instruments = new();
    private readonly InMemoryLedger _ledger = new();
    private readonly TestFabric _fabric = new();
    private readonly GuardianService _service;

    public ControlDeskTests() => _service = new GuardianService(_fabric, _ledger, new StragglerGuardOptions(), _instruments);

    [Fact]
    public void Decisions_AskedForFromNowOn_AreTheLastNumberAtOnceThenEachOnce()
    {
        Append(3);
        IActorRef desk = Desk();

        desk.Tell(new DecisionsQuestion(1, TestActor, null));
        Told().Should().Match<DecisionsTold>(told => told.Id == 1 && told.Through == 3 && told.Entries.Count == 0 && told.Guardian == _service.Name);

        desk.Tell(new DecisionsQuestion(2, TestActor, 3));
        desk.Tell(Order(3));
        object[] both = [Next<ControlAnswer>(), Next<ControlAnswer>()];
        both.OfType<ModeSet>().Should().ContainSingle().Which.Id.Should().Be(3);
        LedgerEntry entry = both.OfType<DecisionsTold>().Single().Entries.Should().ContainSingle().Subject;
        entry.Sequence.Should().Be(4);
        entry.Decision.Should().Be(new ModeChanged(Job, default, 5, PolicyMode.Act, "by hand"));
    }

    [Fact]
    public void Decisions_WhereNothingIsNew_AreToldEmptyAfterAWhile()
    {
        Append(2);
        IActorRef desk = Desk();

        desk.Tell(new DecisionsQuestion(1, TestActor, 2));

        Told().Should().Match<DecisionsTold>(told => told.Through == 2 && told.Entries.Count == 0);
    }

    [Fact]
    public void Decisions_OfManyEntries_ComeInSeveralAnswersWithoutAGap()
    {
        Append(40, reason: new string('r', 100_000));
        IActorRef desk = Desk();

        desk.Tell(new DecisionsQuestion(1, TestActor, 5));

        List<DecisionsTold> told = [];
        while (told.Count == 0 || told[^1].Through < 40)
        {
            told.Add(Told());
        }

        told.Count.Should().BeGreaterThan(3, "3.5 MB don't travel as one message");
        told.SelectMany(one => one.Entries).Select(entry => entry.Sequence).Should().Equal(Enumerable.Range(6, 35).Select(number => (long)number));
    }

    [Fact]
    public void Questions_HeldWhenTheGuardianLeaves_AreSaidToBeUnanswered()
    {
        IActorRef desk = Desk();
        desk.Tell(new DecisionsQuestion(1, TestActor, 7));

        desk.Tell(PoisonPill.Instance);

        Next<ControlRefused>().Should().Match<ControlRefused>(refused => refused.Id == 1 && !refused.IsFinal && refused.Reason.Contains("stops"));
    }

    [Fact]
    public void Status_ThatIsTooLargeToTravel_IsRefused()
    {
        IActorRef desk = Desk(answerBytesMax: 50);
        _fabric.Report(Reports.Report(1));
        AwaitCondition(() => _service.Status(Reports.Job) is not null, Patience.Limit);

        desk.Tell(new StatusQuestion(1, TestActor, Reports.Job));

        Next<ControlRefused>().Should().Match<ControlRefused>(refused => refused.IsFinal && refused.Reason.Contains("50 are allowed"));
    }

    [Fact]
    public void Job_ThatNobodyHasHeardOf_HasNoStatusAndHasNotEnded()
    {
        IActorRef desk = Desk();

        desk.Tell(new StatusQuestion(1, TestActor, Job));
        Next<StatusTold>().Status.Should().BeNull();
        desk.Tell(new EndQuestion(2, TestActor, Job));
        Next<EndTold>().HasEnded.Should().BeFalse();
    }

    [Fact]
    public void Order_ThatIsObjectedTo_ChangesNothingAndIsRefusedForGood()
    {
        IActorRef desk = Desk(objection: "not yours to order");

        desk.Tell(Order(3));

        Next<ControlRefused>().Should().Match<ControlRefused>(refused => refused.Id == 3 && refused.IsFinal && refused.Reason == "not yours to order");
        _ledger.LastSequence.Should().Be(0);
    }

    [Fact]
    public async Task Questions_WhileOneHangs_WaitInOrderAndAreRefusedBeyondSixtyFour()
    {
        using ManualResetEventSlim release = new();
        using CountdownEvent asked = new(1);
        var ledger = new HangingLedger(_ledger, release, asked);
        GuardianService service = new(new TestFabric(), ledger, new StragglerGuardOptions(), _instruments);
        IActorRef desk = Sys.ActorOf(ControlDesk.PropsOf(service, _ledger, _ => null));
        ledger.Hangs = true;

        // The order holds the service's lock while the ledger hangs; whoever asks then waits behind it.
        desk.Tell(Order(1));
        asked.Wait(Patience.Limit).Should().BeTrue();
        foreach (int id in Enumerable.Range(2, 65))
        {
            desk.Tell(new StatusQuestion(id, TestActor, Job));
        }

        Next<ControlRefused>().Should().Match<ControlRefused>(refused => refused.Id == 66 && !refused.IsFinal && refused.Reason.StartsWith("64 questions wait"));
        release.Set();
        Next<ModeSet>().Id.Should().Be(1);
        Enumerable.Range(2, 64).Select(_ => Next<StatusTold>().Id).Should().Equal(Enumerable.Range(2, 64).Select(id => (long)id));
        await service.DisposeAsync();
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        _service.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _instruments.Dispose();
    }

    private IActorRef Desk(int answerBytesMax = int.MaxValue, string? objection = null) =>
        Sys.ActorOf(ControlDesk.PropsOf(_service, _ledger, _ => objection, answerBytesMax));

    private ModeOrder Order(long id) => new(id, TestActor, Job, PolicyMode.Act, 5, "by hand", DateTimeOffset.UnixEpoch, Proof: "");

    private DecisionsTold Told() => Next<DecisionsTold>();

    private T Next<T>() => ExpectMsg<T>(Patience.Limit);

    private void Append(int count, string reason = "as a test")
    {
        for (int number = 1; number <= count; number++)
        {
            _ledger.Append(number, DateTimeOffset.UnixEpoch, new ModeChanged(Job, default, number, PolicyMode.Observe, reason));
        }
    }

    /// <summary>A ledger whose next append does not come back before it is released.</summary>
    private sealed class HangingLedger(InMemoryLedger ledger, ManualResetEventSlim release, CountdownEvent asked) : IDecisionLedger
    {
        public volatile bool Hangs;

        public long LastSequence => ledger.LastSequence;

        public IReadOnlyList<LedgerEntry> Read(long fromSequence = 1) => ledger.Read(fromSequence);

        public IReadOnlyList<LedgerEntry> Read(long fromSequence, int entriesMax) => ledger.Read(fromSequence, entriesMax);

        public IReadOnlyList<LedgerEntry> ReadJob(JobId job) => ledger.ReadJob(job);

        public AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision)
        {
            if (Hangs)
            {
                asked.Signal();
                release.Wait(Patience.Limit).Should().BeTrue();
            }

            return ledger.Append(expectedSequence, at, decision);
        }
    }
}
