using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Guardians;

public sealed class ArrivalBookTests
{
    private readonly ArrivalBook _book = new();

    [Fact]
    public void Reports_OneAfterTheOther_AreAcknowledgedUpToTheNewest()
    {
        Note(1, distance: 0).Should().Be((1, false));
        Note(2, distance: 1).Should().Be((2, false));
        Note(5, distance: 3).Should().Be((5, false), "3 and 4 gave way before they were sent");
    }

    [Fact]
    public void Report_BehindOneThatWasLost_IsNotAcknowledgedUntilThatHasCome()
    {
        Note(1, distance: 0);

        Note(3, distance: 1).Should().Be((1, true));
        Note(4, distance: 1).Should().Be((1, true));
        Note(2, distance: 0).Should().Be((2, false), "the agent keeps none before it any more");
        Note(3, distance: 1).Should().Be((3, false));
        Note(4, distance: 1).Should().Be((4, false));
        Note(2, distance: 0).Should().Be((4, false), "an old one that comes twice takes nothing back");
    }

    [Fact]
    public void Report_OfAnAgentThatIsNotKnown_IsAcknowledgedWhereItIsTheFirstThatTheAgentKeeps()
    {
        Note(7, distance: 1).Should().Be((long.MinValue, true));
        _book.Count.Should().Be(0, "nothing is known of it yet");
        Note(6, distance: 0).Should().Be((6, false));
        Note(7, distance: 1).Should().Be((7, false));
    }

    [Fact]
    public void Agents_OfOneNode_AreToldApart()
    {
        Note(9, distance: 0, agent: 1);

        Note(2, distance: 1, agent: 2).Should().Be((long.MinValue, true), "the next process begins anew");
        Note(2, distance: 1, agent: 0).Should().Be((2, false), "one without a number can't be followed");
    }

    [Fact]
    public void Agents_MoreThanCanBeRemembered_AreForgottenWhereTheyAreSilentLongest()
    {
        var small = new ArrivalBook(capacity: 4);
        for (long agent = 1; agent <= 100; agent++)
        {
            small.Note(Report(1, 0, agent));
            small.Note(Report(agent, agent == 1 ? 0 : 1, agent: 1_000)).Should().Be((agent, false), "it was heard of just now");
            small.Count.Should().BeLessThanOrEqualTo(8);
        }

        small.Note(Report(2, 1, agent: 1)).Should().Be((long.MinValue, true));
    }

    [Fact]
    public void Reports_OfAgentsThatAreKnown_AllocateNothing()
    {
        AgentReport[] reports = [.. Enumerable.Range(1, 1_000).Select(agent => Report(2, 1, agent))];
        Array.ForEach(reports, report => _book.Note(report with { Distance = 0 }));
        long acknowledged = 0;

        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (AgentReport report in reports)
        {
            acknowledged += _book.Note(report).Sequence;
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0, "tens of thousands come in a second");
        acknowledged.Should().Be(2_000);
    }

    private (long Sequence, bool LacksOlder) Note(long sequence, long distance, long agent = 1) => _book.Note(Report(sequence, distance, agent));

    private static AgentReport Report(long sequence, long distance, long agent) =>
        new(Reports.Report(sequence, records: 0), WantsReceipt: true) { Agent = agent, Distance = distance };
}
