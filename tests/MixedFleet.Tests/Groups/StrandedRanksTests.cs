using MixedFleet.Groups;
using MixedFleet.Launch;
using MixedFleet.Tests.Launch;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Hosting;

namespace MixedFleet.Tests.Groups;

/// <summary>Whoever stands by waits no longer than there is a job to come back to.</summary>
public sealed class StrandedRanksTests
{
    private const ulong First = 11;
    private const ulong Second = 12;

    private readonly ProcessMeetings _meetings = new();
    private readonly List<(int Slot, ulong Group)> _formed = [];

    public StrandedRanksTests() => _meetings.Open();

    [Fact]
    public void Processes_OfAGroupAtWork_AreNotStranded()
    {
        Listen(First, [0, 1], 0, 1);
        _meetings.StandBy(2);

        _formed.Should().Equal((0, First), (1, First));
        _meetings.AreStranded([0, 1, 2]).Should().BeFalse();
        _meetings.AreStranded([1, 2]).Should().BeFalse("it will say itself that it lost the other");
    }

    [Fact]
    public void Processes_ThatAllStandBy_AreStranded()
    {
        Listen(First, [0, 1], 0, 1);
        _meetings.StandBy(2);

        _meetings.AreStranded([2]).Should().BeTrue();
    }

    [Theory]
    [InlineData(new[] { 0, 1, 2 }, false)]
    [InlineData(new[] { 0, 2 }, true)]
    public void Processes_ThatWaitForEachOther_AreStrandedOnceOneIsGone(int[] running, bool areStranded)
    {
        Listen(First, [0, 1], 0, 1);
        _meetings.StandBy(2);
        Listen(Second, [0, 1, 2], 0, 1);

        _meetings.AreStranded(running).Should().Be(areStranded);
    }

    [Fact]
    public void Process_ThatCameBack_IsStrandedNoMore()
    {
        Listen(First, [0, 1], 0, 1);
        _meetings.StandBy(2);
        Listen(Second, [0, 1, 2], 0, 1, 2);

        _formed.Should().HaveCount(5);
        _meetings.AreStranded([2]).Should().BeFalse();
    }

    [Fact]
    public void Threads_OfWhichNoneIsLeftInTheJob_AreToldThatItIsOver()
    {
        JobPlan plan = new(new PlanEpoch(1), new Generation(1), [1, JobPlan.NotMember, JobPlan.NotMember]);
        using NodeAgent agent = new(new HandedPlans(new JobId("job")), new NodeId("here"), new AgentSection { IntervalMs = 60_000 });
        using ThreadMeeting meeting = new(agent, new TransportOptions(), slots: 3);
        IRankGroups waiting = meeting.Seat(1);
        waiting.StandBy();
        meeting.Leave(2);
        using ITransport transport = meeting.Seat(0).Meet(plan, within: null);
        waiting.Over.IsCancellationRequested.Should().BeFalse("one is at work");

        meeting.Leave(0);

        waiting.Over.IsCancellationRequested.Should().BeTrue();
        FluentActions.Invoking(() => waiting.Meet(plan, within: null)).Should().Throw<OperationCanceledException>();
    }

    private void Listen(ulong group, int[] members, params int[] slots)
    {
        foreach (int slot in slots)
        {
            _meetings.Hear(slot, message => _formed.Add((slot, ((GroupFormed)message).PlanHash)), new RankListening(group, members, 5_000 + slot));
        }
    }
}
