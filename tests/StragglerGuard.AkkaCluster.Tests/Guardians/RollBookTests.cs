using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Messages;

namespace StragglerGuard.AkkaCluster.Tests.Guardians;

public sealed class RollBookTests
{
    private const long StepNs = 300_000_000;
    private static readonly Dictionary<string, string> NoOptions = [];
    private static readonly RollAnswer None = new(IsMember: false, CountsCaller: false, 0, "", NoOptions);

    [Fact]
    public void Guardian_Alone_BeginsAtOnce() =>
        new RollBook("a", []).Decide(None, 0).Should().Be(RollDecision.Form.Instance);

    [Theory]
    [InlineData("a", new[] { "b" }, true)]
    [InlineData("a", new[] { "b", "c" }, true)]
    [InlineData("b", new[] { "c" }, true)]
    [InlineData("b", new[] { "a" }, false)]
    [InlineData("c", new[] { "b" }, false)]
    [InlineData("a", new string[0], false)]
    [InlineData("b", new string[0], false)]
    public void Guardian_OfThree_BeginsWhereItIsTheLowestOfMoreThanHalf(string self, string[] answering, bool begins)
    {
        var book = new RollBook(self, [.. new[] { "a", "b", "c" }.Where(other => other != self)]);

        Calls(book, answering, None, 6).Contains(RollDecision.Form.Instance).Should().Be(begins);
    }

    [Theory]
    [InlineData("a", new string[0], true)]
    [InlineData("b", new string[0], false)]
    [InlineData("a", new[] { "b" }, true)]
    [InlineData("b", new[] { "a" }, false)]
    public void Guardian_OfTwo_BeginsAloneOnlyWhereTheResolverWouldKeepIt(string self, string[] answering, bool begins)
    {
        var book = new RollBook(self, [self == "a" ? "b" : "a"]);

        Calls(book, answering, None, 6).Contains(RollDecision.Form.Instance).Should().Be(begins);
    }

    [Fact]
    public void Guardian_WhoseFirstLookIsWrong_DoesNotBegin()
    {
        var book = new RollBook("b", ["a", "c"]);
        book.Note("c", None, 0);
        book.Decide(None, 0).Should().Be(RollDecision.Wait.Instance);

        book.Note("a", None, 1);

        book.Decide(None, 2).Should().Be(RollDecision.Wait.Instance);
    }

    [Fact]
    public void Guardian_ThatHearsOfAMember_JoinsIt()
    {
        var book = new RollBook("a", ["b", "c"]);
        book.Note("b", None, 0);
        book.Note("c", new RollAnswer(IsMember: true, CountsCaller: false, 1, "c", NoOptions), 0);

        book.Decide(None, 0).Should().Be(new RollDecision.Join("c"));
        book.Decide(None, RollBook.FreshNs + 1).Should().Be(RollDecision.Wait.Instance, "that was long ago");
    }

    [Fact]
    public void Guardian_AnsweredByAStranger_ListensToNoneOfIt()
    {
        var book = new RollBook("a", ["b", "c"]);
        book.Note("z", new RollAnswer(IsMember: true, CountsCaller: false, 9, "z", NoOptions), 0);
        book.Note("y", None, 0);

        book.Decide(None, 0).Should().Be(RollDecision.Wait.Instance);
        book.Decide(None, 0).Should().Be(RollDecision.Wait.Instance);
    }

    [Theory]
    [InlineData(1, "a", 2, "b", true)]
    [InlineData(2, "a", 1, "c", false)]
    [InlineData(1, "b", 1, "a", true)]
    [InlineData(1, "a", 1, "b", false)]
    public void Cluster_OfTwo_GivesWayWhereItIsTheLesser(int own, string ownLowest, int other, string otherLowest, bool yields)
    {
        var book = new RollBook("a", ["b", "c"]);
        var member = new RollAnswer(IsMember: true, CountsCaller: false, own, ownLowest, NoOptions);

        var decisions = Calls(book, ["c"], new RollAnswer(IsMember: true, CountsCaller: false, other, otherLowest, NoOptions), 12, member);

        decisions.OfType<RollDecision.Yield>().Any().Should().Be(yields);
        decisions.Take(5).Should().OnlyContain(decision => decision == RollDecision.Wait.Instance, "a view may be older than its cluster");
    }

    [Fact]
    public void Cluster_ThatCountsTheOther_NeverGivesWay()
    {
        var book = new RollBook("a", ["b", "c"]);
        var member = new RollAnswer(IsMember: true, CountsCaller: false, 1, "a", NoOptions);

        Calls(book, ["b"], new RollAnswer(IsMember: true, CountsCaller: true, 3, "a", NoOptions), 20, member)
            .Should().OnlyContain(decision => decision == RollDecision.Wait.Instance);
    }

    [Fact]
    public void Parts_OfAFleetInAnySplit_BeginAtMostOneCluster()
    {
        string[] fleet = ["a", "b", "c", "d", "e", "f"];
        for (int count = 1; count <= fleet.Length; count++)
        {
            for (int part = 0; part < 1 << count; part++)
            {
                int begun = 0;
                foreach (string self in fleet.Take(count))
                {
                    bool side = (part >> Array.IndexOf(fleet, self) & 1) != 0;
                    List<string> others = [.. fleet.Take(count).Where(other => other != self)];
                    var reached = others.Where(other => (part >> Array.IndexOf(fleet, other) & 1) != 0 == side);
                    begun += Calls(new RollBook(self, others), [.. reached], None, 4).Contains(RollDecision.Form.Instance) ? 1 : 0;
                }

                begun.Should().BeLessThanOrEqualTo(1, "{0} guardians, split as {1:b}", count, part);
            }
        }
    }

    private static List<RollDecision> Calls(RollBook book, string[] answering, RollAnswer answer, int times, RollAnswer? own = null)
    {
        var decisions = new List<RollDecision>();
        for (int call = 0; call < times; call++)
        {
            foreach (string other in answering)
            {
                book.Note(other, answer, call * StepNs);
            }

            decisions.Add(book.Decide(own ?? None, call * StepNs));
        }

        return decisions;
    }
}
