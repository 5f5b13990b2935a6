using FsCheck;
using FsCheck.Fluent;
using StragglerGuard.Core.Probing;

namespace StragglerGuard.Core.Tests.Probing;

public sealed class ProbeJudgeLinkTests
{
    // FsCheck prints the seed of a failing run itself; replaying it makes every run the same.
    private static readonly Config Checked = Config.QuickThrowOnFailure.WithMaxTest(200).WithReplay(4119, 1);

    private static readonly ProbeJudge Judge = new();

    [Fact]
    public void Links_AllAlike_AreFitAndNobodyIsAtFault() => Prop.ForAll(Cases(3, 80), with =>
    {
        LinkFindings findings = Judge.Links(Ring(with.Size, with.Random, _ => 1));
        return findings.Faults.IsEmpty && findings.Links.All(link => link is ProbeVerdict.Fit)
            && Enumerable.Range(0, with.Size).All(rank => findings.Of(new Rank(rank)) is ProbeVerdict.Fit);
    }).Check(Checked);

    [Fact]
    public void OneSlowLink_InAnyRing_IsNamedAndItsEndsAreFit() => Prop.ForAll(Cases(3, 80), with =>
    {
        int slow = with.Random.Next(with.Size);
        LinkFindings findings = Judge.Links(Ring(with.Size, with.Random, link => link == slow ? 1.6 : 1));
        return findings.Faults is [LinkFault.OfLink first, LinkFault.OfLink second]
            && first.From == new Rank(slow) && second.From == first.From && first.Part != second.Part
            && Math.Abs(first.Factor - 1.6) < 0.15 && first.Reason.Contains("both ends carry another link as they should", StringComparison.Ordinal)
            && findings.Of(first.From) is ProbeVerdict.Fit && findings.Of(first.To) is ProbeVerdict.Fit;
    }).Check(Checked);

    [Fact]
    public void OneSlowInterface_InAnyRing_IsNamedAndItsNeighboursAreFit() => Prop.ForAll(Cases(3, 80), with =>
    {
        int slow = with.Random.Next(with.Size);
        int before = (slow + with.Size - 1) % with.Size;
        LinkFindings findings = Judge.Links(Ring(with.Size, with.Random, link => link == slow || link == before ? 2.5 : 1));
        return findings.Faults is [LinkFault.OfRank first, LinkFault.OfRank second]
            && first.Rank == new Rank(slow) && second.Rank == first.Rank && first.Part != second.Part && Math.Abs(first.Factor - 2.5) < 0.3
            && findings.Of(first.Rank) is ProbeVerdict.Slow
            && Enumerable.Range(0, with.Size).Where(rank => rank != slow).All(rank => findings.Of(new Rank(rank)) is ProbeVerdict.Fit || with.Size == 3);
    }).Check(Checked);

    [Fact]
    public void OneSlowInterface_InARingOfSeven_LeavesNoOtherLinkInDoubt()
    {
        // Half of the links that share no rank with link 0 are the slow ones.
        LinkFindings findings = Judge.Links(Ring(7, new Random(11), link => link is 4 or 5 ? 2.5 : 1));
        findings.Links.Select(link => link is ProbeVerdict.Slow).Should().Equal(false, false, false, false, true, true, false);
        findings.Links.Should().NotContain(link => link is ProbeVerdict.Unknown);
    }

    [Fact]
    public void OneSlowInterface_OfManyThousand_IsNamed() =>
        Judge.Links(Ring(20_000, new Random(12), link => link is 12_344 or 12_345 ? 1.4 : 1)).Faults
            .Should().HaveCount(2).And.AllBeOfType<LinkFault.OfRank>().Which.Should().OnlyContain(fault => fault.Rank == new Rank(12_345));

    [Fact]
    public void ABadCableAtASlowInterface_IsFoundBeyondIt()
    {
        // Rank 3's links are slow, the one to rank 4 much more so.
        LinkFindings findings = Judge.Links(Ring(8, new Random(1), link => link == 2 ? 2 : link == 3 ? 6 : 1));
        findings.Faults.OfType<LinkFault.OfRank>().Should().HaveCount(2).And.OnlyContain(fault => fault.Rank == new Rank(3) && fault.Factor > 1.8 && fault.Factor < 2.2);
        findings.Faults.OfType<LinkFault.OfLink>().Should().HaveCount(2)
            .And.OnlyContain(fault => fault.From == new Rank(3) && fault.To == new Rank(4) && fault.Factor > 2.6 && fault.Factor < 3.4);
        findings.Faults.Should().BeInDescendingOrder(fault => fault.Factor);
    }

    [Fact]
    public void ThreeSlowLinksInARow_AreExplainedByTheGravestInterfaceFirst()
    {
        LinkFindings findings = Judge.Links(Ring(10, new Random(2), link => link switch { 4 or 5 => 3, 6 => 1.5, _ => 1 }));
        findings.Faults.OfType<LinkFault.OfRank>().Should().OnlyContain(fault => fault.Rank == new Rank(5));
        findings.Faults.OfType<LinkFault.OfLink>().Should().OnlyContain(fault => fault.From == new Rank(6));
    }

    [Fact]
    public void TwoSlowInterfacesApart_AreBothNamed() =>
        Judge.Links(Ring(12, new Random(3), link => link is 1 or 2 ? 2 : link is 7 or 8 ? 4 : 1)).Faults
            .OfType<LinkFault.OfRank>().Select(fault => (fault.Rank.Value, fault.Part)).Should().BeEquivalentTo(
                [(8, ProbedPart.LinkLatency), (8, ProbedPart.LinkBandwidth), (2, ProbedPart.LinkLatency), (2, ProbedPart.LinkBandwidth)]);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void OneDirectionAlone_IsEnough(bool forward)
    {
        // Rank 5 sends slowly: its link to rank 6 in one direction, its link to rank 4 in the other.
        List<LinkReading> links = Ring(8, new Random(4), _ => 1);
        LinkReading next = links[5];
        LinkReading previous = links[4];
        links[5] = forward ? next with { ForwardGBPerSecond = Scaled(next.ForwardGBPerSecond, 0.5) } : next with { BackwardGBPerSecond = Scaled(next.BackwardGBPerSecond, 0.5) };
        links[4] = forward ? previous with { BackwardGBPerSecond = Scaled(previous.BackwardGBPerSecond, 0.5) } : previous with { ForwardGBPerSecond = Scaled(previous.ForwardGBPerSecond, 0.5) };
        LinkFault fault = Judge.Links(links).Faults.Should().ContainSingle().Subject;
        fault.Should().BeOfType<LinkFault.OfRank>().Which.Rank.Should().Be(new Rank(5));
        fault.Part.Should().Be(ProbedPart.LinkBandwidth);
    }

    [Fact]
    public void TheLinkBetweenNodes_IsNotComparedWithThoseWithin()
    {
        // Two nodes of four: two links leave a node, ten times as slow as the others, as they are built.
        List<LinkReading> links = [.. Ring(8, new Random(5), link => link is 3 or 7 ? 10 : 1)
            .Select((link, i) => link with { Reach = i is 3 or 7 ? LinkReach.BetweenNodes : LinkReach.WithinNode })];
        Judge.Links(links).Faults.Should().BeEmpty();
        LinkReading bad = links[7] with { ForwardGBPerSecond = Scaled(links[7].ForwardGBPerSecond, 0.3) };
        LinkFault fault = Judge.Links([.. links[..7], bad]).Faults.Should().ContainSingle().Subject;
        fault.Should().BeOfType<LinkFault.OfLink>().Which.From.Should().Be(new Rank(7));
    }

    [Fact]
    public void AnInterfaceSeenThroughOneLinkOnly_IsSaidToLookTheSame()
    {
        List<LinkReading> links = Ring(6, new Random(6), link => link == 2 ? 3 : 1);
        links.RemoveAt(3);
        LinkFindings findings = Judge.Links(links);
        findings.Faults.OfType<LinkFault.OfLink>().Should().NotBeEmpty().And.OnlyContain(
            fault => fault.From == new Rank(2) && fault.Reason.Contains("the interface of rank 3 would look the same", StringComparison.Ordinal));
        findings.Of(new Rank(3)).Should().BeOfType<ProbeVerdict.Unknown>("its only link is slow, and may be so for another reason");
        findings.Of(new Rank(2)).Should().BeOfType<ProbeVerdict.Fit>();
    }

    [Fact]
    public void TheOnlyLink_IsUnknownWithoutAPriorAndJudgedWithOne()
    {
        LinkReading link = Ring(4, new Random(7), _ => 1)[0];
        LinkFindings alone = Judge.Links([link]);
        alone.Faults.Should().BeEmpty();
        alone.Links[0].Should().BeOfType<ProbeVerdict.Unknown>().Which.Reason.Should().Contain("no link of its kind");
        alone.Of(new Rank(0)).Should().BeOfType<ProbeVerdict.Unknown>();
        alone.Of(new Rank(9)).Should().BeOfType<ProbeVerdict.Unknown>().Which.Reason.Should().Contain("no link");

        LinkReading prior = link with { ForwardGBPerSecond = Scaled(link.ForwardGBPerSecond, 3), BackwardGBPerSecond = Scaled(link.BackwardGBPerSecond, 3) };
        LinkFindings judged = Judge.Links([link], prior);
        judged.Links[0].Should().BeOfType<ProbeVerdict.Slow>().Which.Factor.Should().BeApproximately(3, 0.2);
        judged.Faults.Should().ContainSingle().Which.Reason.Should().Contain("the interface of rank 0 or rank 1 would look the same");
        Judge.Links([link], link).Links[0].Should().BeOfType<ProbeVerdict.Fit>();
    }

    [Fact]
    public void NoisyLinks_AreUnknownAndAccuseNobody()
    {
        List<LinkReading> links = [.. Ring(8, new Random(8), link => link == 3 ? 1.5 : 1).Select(link => link with
        {
            LatencyUs = link.LatencyUs with { RelativeSpread = 0.4 },
            ForwardGBPerSecond = link.ForwardGBPerSecond with { RelativeSpread = 0.4 },
            BackwardGBPerSecond = link.BackwardGBPerSecond with { RelativeSpread = 0.4 },
        })];
        LinkFindings findings = Judge.Links(links);
        findings.Faults.Should().BeEmpty();
        findings.Links.Should().AllBeOfType<ProbeVerdict.Unknown>();
    }

    [Fact]
    public void NothingMeasured_IsNoFault()
    {
        Judge.Links([]).Faults.Should().BeEmpty();
        List<LinkReading> links = Ring(5, new Random(9), _ => 1);
        links[2] = links[2] with { LatencyUs = default, ForwardGBPerSecond = new ProbeFigure(double.NaN, 0, 9) };
        LinkFindings findings = Judge.Links(links);
        findings.Faults.Should().BeEmpty();
        findings.Links[2].Should().BeOfType<ProbeVerdict.Unknown>();
    }

    [Fact]
    public void Readings_OfNoPairOrOfOneTwice_AreRefused()
    {
        LinkReading link = Ring(4, new Random(10), _ => 1)[0];
        FluentActions.Invoking(() => Judge.Links([link with { To = link.From }])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => Judge.Links([link, link with { From = link.To, To = link.From }])).Should().Throw<ArgumentException>();
    }

    private static Arbitrary<(int Size, Random Random)> Cases(int sizeMin, int sizeMax) => Arb.From(
        from size in Gen.Choose(sizeMin, sizeMax)
        from seed in Gen.Choose(0, int.MaxValue)
        select (size, new Random(seed)));

    /// <summary>A ring whose links take <paramref name="factor"/> times as long as the healthy one, give or take 2 %.</summary>
    private static List<LinkReading> Ring(int size, Random random, Func<int, double> factor)
    {
        ProbeFigure Figure(double median) => new(median * (0.98 + (0.04 * random.NextDouble())), 0.015, 20);
        return [.. Enumerable.Range(0, size).Select(link => new LinkReading(
            new Rank(link), new Rank((link + 1) % size), LinkReach.Unspecified,
            Figure(12 * factor(link)), Figure(25 / factor(link)), Figure(25 / factor(link))))];
    }

    private static ProbeFigure Scaled(ProbeFigure figure, double factor) => figure with { Median = figure.Median * factor };
}
