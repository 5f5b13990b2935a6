using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Ledger;

public sealed class LedgerStateTests
{
    private static readonly JobId Job = new("gpt");
    private static readonly DateTimeOffset Start = new(2026, 5, 4, 3, 0, 0, TimeSpan.Zero);
    private static readonly WorkerId Worker = new(new NodeId("n1"), "GPU-0");
    private static readonly WorkerId Another = new(new NodeId("n2"), "GPU-0");

    private readonly LedgerState _state = new();
    private double _minutes;

    [Fact]
    public void State_OfNothing_KnowsNothing()
    {
        _state.LastSequence.Should().Be(0);
        _state.Find(Job).Should().BeNull();
        _state.Jobs.Should().BeEmpty();
    }

    [Fact]
    public void Plan_FromDecisionToGrading_IsPendingThenInForceThenGraded()
    {
        JobLedgerState job = Append(Plan(1, 0, 5, 3));
        job.Pending.Should().Be(job.Decided).And.NotBeNull();
        job.Pending!.Plan.Epoch.Should().Be(new PlanEpoch(1));
        job.Pending.DecidedAt.Should().Be(Start);
        job.InForce.Should().BeNull();
        job.MemberSlots.Should().BeEmpty();

        Append(new PlanInForce(Job, new Generation(0), 44, new PlanEpoch(1), ""));
        job.Pending.Should().BeNull();
        job.InForce!.InForceSinceStep.Should().Be(44);
        job.Decided.Should().Be(job.InForce);
        job.MemberSlots.Should().Equal(0, 1);

        Append(Grading(1, MitigationKind.Rebalance, rolledBack: false));
        job.InForce.Grading!.RealisedGain.Should().Be(1.1);
        job.LastGrading.Should().Be(job.InForce.Grading);
        job.Resting.Should().BeEmpty();
    }

    [Fact]
    public void Plan_DecidedWhileAnotherIsInForce_IsPendingAndTheOtherStays()
    {
        JobLedgerState job = Append(Plan(1, 0, 5, 3), InForce(1), Plan(3, 0, 6, 2));

        job.Pending!.Plan.Epoch.Should().Be(new PlanEpoch(3));
        job.InForce!.Plan.Epoch.Should().Be(new PlanEpoch(1));
    }

    [Fact]
    public void Plan_OvertakenOnItsWay_IsInForceWhenTheRanksSaySo()
    {
        JobLedgerState job = Append(Plan(1, 0, 5, 3), Plan(2, 0, 6, 2), InForce(1));

        job.InForce!.Plan.Epoch.Should().Be(new PlanEpoch(1));
        job.Pending!.Plan.Epoch.Should().Be(new PlanEpoch(2));
        Append(InForce(2));
        job.Pending.Should().BeNull();
        Append(InForce(1));
        job.InForce.Plan.Epoch.Should().Be(new PlanEpoch(2), "what was overtaken doesn't come back");
    }

    [Fact]
    public void Plan_OfAMembershipThatHasEnded_IsPendingNoLonger()
    {
        JobLedgerState job = Append(Plan(1, 0, 5, 3));
        job.Pending.Should().NotBeNull();

        Append(new NumberSkipped(Job, new Generation(1), 50, "a new membership"));

        job.NewestGeneration.Should().Be(new Generation(1));
        job.Pending.Should().BeNull();
        job.Decided.Should().NotBeNull();
    }

    [Fact]
    public void Plan_ForTheNextMembership_IsPendingUntilThat()
    {
        JobLedgerState job = Append(Plan(1, 1, 8, JobPlan.NotMember));

        job.Pending.Should().NotBeNull();
        Append(new PlanInForce(Job, new Generation(1), 44, new PlanEpoch(1), ""));
        job.NewestGeneration.Should().Be(new Generation(1));
        job.MemberSlots.Should().Equal(0);
    }

    [Fact]
    public void Worker_EvictedAndReadmittedTwice_IsAwayInBetween()
    {
        JobLedgerState job = Append(Evicted(Worker, 1, "slow"));
        job.Evicted.Should().ContainKey(Worker).WhoseValue.Should().Be(new WorkerAbsence(Worker, 1, "slow", Start, 1));
        _minutes = 10;
        Append(new WorkerReadmitted(Job, new Generation(1), 60, Worker, 1, "slow", "probed"));
        job.Evicted.Should().BeEmpty();
        _minutes = 20;
        Append(Evicted(Worker, 1, "spare"), Evicted(Another, 0, "slow"));

        job.Evicted.Keys.Should().BeEquivalentTo([Worker, Another]);
        job.Evicted[Worker].Pool.Should().Be("spare");
        job.Absences.Should().HaveCount(3);
        job.Absences[0].ReadmittedAt.Should().Be(Start.AddMinutes(10));
    }

    [Fact]
    public void Worker_EvictedTwiceInARow_IsAwayOnce()
    {
        JobLedgerState job = Append(Evicted(Worker, 1, "slow"), Evicted(Worker, 1, "spare"));

        job.Evicted.Should().ContainSingle().Which.Value.Pool.Should().Be("spare");
        job.Absences.Should().HaveCount(2);
    }

    [Fact]
    public void Evictions_OfTheLastHour_AreCountedFromTheTimeGiven()
    {
        JobLedgerState job = Append(Evicted(Worker, 1, "slow"));
        _minutes = 50;
        Append(Evicted(Another, 0, "slow"));

        job.EvictionsWithin(Start.AddMinutes(59), TimeSpan.FromHours(1)).Should().Be(2);
        job.EvictionsWithin(Start.AddMinutes(60), TimeSpan.FromHours(1)).Should().Be(1);
        job.EvictionsWithin(Start.AddMinutes(110), TimeSpan.FromHours(1)).Should().Be(0);
        job.EvictionsWithin(Start.AddMinutes(-5), TimeSpan.FromHours(1)).Should().Be(2, "a clock that was set back gives no new budget");
        job.Invoking(j => j.EvictionsWithin(Start, TimeSpan.FromSeconds(-1))).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Kind_RolledBack_RestsUntilOneOfItHolds()
    {
        JobLedgerState job = Append(Plan(1, 0, 5, 3), Grading(1, MitigationKind.Deadline, rolledBack: true));
        job.Resting[MitigationKind.Deadline].Should().Be(new RestingKind(Start, 70, 1));
        _minutes = 30;
        Append(Grading(2, MitigationKind.Deadline, rolledBack: true));
        job.Resting[MitigationKind.Deadline].Should().Be(new RestingKind(Start.AddMinutes(30), 70, 2));
        Append(Grading(3, MitigationKind.Backup, rolledBack: false));
        job.Resting.Keys.Should().Equal(MitigationKind.Deadline);

        Append(Grading(4, MitigationKind.Deadline, rolledBack: false));

        job.Resting.Should().BeEmpty();
    }

    [Fact]
    public void Actuation_Requested_IsDueUntilItIsDone()
    {
        JobLedgerState job = Append(Request("3/drain"), Request("4/move"), Request("3/drain"));
        job.DueActuations.Keys.Should().BeEquivalentTo("3/drain", "4/move");
        job.DueActuations["3/drain"].Sequence.Should().Be(1);

        Append(new ActuationDone(Job, new Generation(0), 9, "3/drain", Succeeded: true, ""), Request("3/drain"));
        job.DueActuations.Keys.Should().Equal("4/move");

        Append(new ActuationDone(Job, new Generation(0), 9, "4/move", Succeeded: false, "refused"));
        job.DueActuations.Should().BeEmpty();
        Append(Request("4/move"));
        job.DueActuations.Keys.Should().Equal("4/move");
    }

    [Fact]
    public void ModeAndGuardian_OfTheLastEntry_Hold()
    {
        JobLedgerState job = Append(
            new GuardianTookOver(Job, new Generation(0), 0, "process 1 on a", ""), new ModeChanged(Job, new Generation(0), 5, PolicyMode.Act, ""),
            new ModeChanged(Job, new Generation(0), 9, PolicyMode.Advise, ""), new GuardianTookOver(Job, new Generation(0), 10, "process 2 on b", ""));

        (job.Mode, job.ModeSinceStep, job.Guardian).Should().Be((PolicyMode.Advise, 9L, "process 2 on b"));
        job.LastSequence.Should().Be(4);
    }

    [Fact]
    public void Jobs_InOneLedger_AreKeptApart()
    {
        Append(Plan(1, 0, 5, 3), new ModeChanged(new JobId("other"), new Generation(7), 1, PolicyMode.Act, ""));

        _state.Jobs.Keys.Should().BeEquivalentTo([Job, new JobId("other")]);
        _state.Find(Job)!.Mode.Should().BeNull();
        _state.Find(Job)!.NewestGeneration.Should().Be(new Generation(0));
        _state.Find(new JobId("other"))!.Decided.Should().BeNull();
    }

    [Fact]
    public void Entries_ThatDontFollow_AreRefused()
    {
        Append(Plan(1, 0, 5, 3));

        foreach (long wrong in (long[])[1, 3, 0])
        {
            _state.Invoking(state => state.Apply(new LedgerEntry(wrong, Start, InForce(1)))).Should().Throw<ArgumentException>();
        }

        _state.LastSequence.Should().Be(1);
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(2, null)]
    [InlineData(3, "entry 3 is lost")]
    [InlineData(9, "entries 3 to 9")]
    public void Number_SeenOutside_IsLostWhereTheLedgerNeverReachedIt(long seen, string? said)
    {
        Append(Plan(1, 0, 5, 3), InForce(1));

        if (said is null)
        {
            _state.FindLost(seen).Should().BeNull();
        }
        else
        {
            _state.FindLost(seen).Should().Contain(said).And.Contain($"Entry {seen} was seen").And.Contain("ends at entry 2");
        }
    }

    [Fact]
    public void Number_SeenOutside_IsLostFromAnEmptyLedger() => _state.FindLost(1).Should().Contain("is empty").And.Contain("entry 1 is lost");

    [Fact]
    public void State_OfAnyEntries_IsTheSameWhetherFoldedAtOnceOrGoneOnWith()
    {
        const int Seed = 5;
        var random = new Random(Seed);
        var entries = Enumerable.Range(1, 400)
            .Select(i => new LedgerEntry(i, Start.AddMinutes(i), AnyDecision.Of(AnyDecision.Kinds[random.Next(AnyDecision.Kinds.Count)], random) with { Job = Job }))
            .ToList();
        LedgerState atOnce = LedgerState.Of(entries);
        LedgerState goneOn = LedgerState.Of(entries.Take(200));
        entries.Skip(200).ToList().ForEach(goneOn.Apply);

        goneOn.Find(Job).Should().BeEquivalentTo(atOnce.Find(Job), options => options.ComparingRecordsByValue().ComparingByValue<JobPlan>(), $"seed {Seed}");
        atOnce.LastSequence.Should().Be(400);
    }

    private JobLedgerState Append(params LedgerDecision[] decisions)
    {
        foreach (LedgerDecision decision in decisions)
        {
            _state.Apply(new LedgerEntry(_state.LastSequence + 1, Start.AddMinutes(_minutes), decision));
        }

        return _state.Find(Job)!;
    }

    private static PlanDecided Plan(long epoch, int generation, params int[] shares) => new(
        Job, new Generation(0), 40, MitigationKind.Rebalance, new JobPlan(new PlanEpoch(epoch), new Generation(generation), shares), 0.5, 1.2, "why");

    private static PlanInForce InForce(long epoch) => new(Job, new Generation(0), 44, new PlanEpoch(epoch), "");

    private static PlanGraded Grading(long epoch, MitigationKind kind, bool rolledBack) =>
        new(Job, new Generation(0), 70, new PlanEpoch(epoch), kind, 1.2, 1.1, rolledBack, "");

    private static WorkerEvicted Evicted(WorkerId worker, int replica, string pool) =>
        new(Job, new Generation(0), 50, worker, replica, pool, "slow");

    private static ActuationRequested Request(string key) =>
        new(Job, new Generation(0), 8, key, ActuationKind.Drain, "n1", null, "evicted");
}
