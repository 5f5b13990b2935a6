using System.Collections.Immutable;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Probes;
using StragglerGuard.Collectives.Tests.Transports;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Probing;

namespace StragglerGuard.Collectives.Tests.Probes;

/// <summary>Real groups and real messages. Where a test says how slow a link is, it gives the clock, too: how busy the machine is changes nothing.</summary>
public abstract class LinkProbeTests<TGroups>
    where TGroups : IGroupFactory, new()
{
    private static readonly ProbeOptions Brief = new() { TimeLimit = TimeSpan.FromMilliseconds(10), PayloadBytes = 64 * 1024 };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(7)]
    public void Measure_OfAnyGroup_GivesAllRanksTheSameWholeTable(int worldSize)
    {
        var tables = Measure(worldSize);
        tables[0].Select(link => (link.From.Value, link.To.Value)).Should().Equal(worldSize switch
        {
            1 => [],
            2 => [(0, 1)],
            _ => Enumerable.Range(0, worldSize).Select(rank => (rank, (rank + 1) % worldSize)),
        });
        tables[0].Where(link => !link.LatencyUs.IsKnown || !link.ForwardGBPerSecond.IsKnown || !link.BackwardGBPerSecond.IsKnown
            || link.Reach != LinkReach.Unspecified).Should().BeEmpty();
        foreach (var table in tables)
        {
            table.Should().Equal(tables[0]);
        }
    }

    [Fact]
    public void Measure_ByAGivenClock_IsExact()
    {
        // Rank 1 sends at a third of the speed, and receives as it should.
        var table = MeasureSlow(3, (from, _) => from.Value == 1 ? 3 : 1);
        const double Word = SlowLinkTransport.MessageNs + 16;
        table[0].LatencyUs.Median.Should().BeApproximately((Word + (3 * Word)) / 2 / 1000, 0.01);
        table[2].LatencyUs.Median.Should().BeApproximately(Word / 1000, 0.01);

        // One byte takes one ns; the sixteen bytes of a word went with the round trip.
        double payload = Brief.PayloadBytes;
        var whole = payload / (payload - 16);
        table[2].ForwardGBPerSecond.Median.Should().BeApproximately(whole, 1e-4);
        table[2].BackwardGBPerSecond.Median.Should().BeApproximately(whole, 1e-4);
        table[0].ForwardGBPerSecond.Median.Should().BeApproximately(whole, 1e-4);
        table[0].BackwardGBPerSecond.Median.Should().BeApproximately(whole / 3, 1e-4);
        table[1].ForwardGBPerSecond.Median.Should().BeApproximately(whole / 3, 1e-4);
        table[1].BackwardGBPerSecond.Median.Should().BeApproximately(whole, 1e-4);
    }

    [Theory]
    [InlineData(3, 2)]
    [InlineData(4, 1)]
    [InlineData(5, 4)]
    [InlineData(8, 3)]
    public void ASlowLink_InARing_IsLocated(int worldSize, int slow)
    {
        var end = (slow + 1) % worldSize;
        bool IsIt(Rank a, Rank b) => (a.Value == slow && b.Value == end) || (a.Value == end && b.Value == slow);
        var findings = new ProbeJudge().Links(MeasureSlow(worldSize, (from, to) => IsIt(from, to) ? 1.3 : 1));
        findings.Faults.Should().HaveCount(2);
        foreach (var fault in findings.Faults)
        {
            var link = fault.Should().BeOfType<LinkFault.OfLink>(fault.Reason).Subject;
            (link.From.Value, link.To.Value).Should().Be((slow, end));
            link.Factor.Should().BeApproximately(1.3, 0.02);
        }

        findings.Links.Select(link => link is ProbeVerdict.Fit).Should().Equal(Enumerable.Range(0, worldSize).Select(link => link != slow));
    }

    [Theory]
    [InlineData(3, 0)]
    [InlineData(4, 3)]
    [InlineData(5, 2)]
    [InlineData(7, 6)]
    public void ASlowInterface_InARing_IsLocated(int worldSize, int slow)
    {
        var findings = new ProbeJudge().Links(MeasureSlow(worldSize, (from, to) => from.Value == slow || to.Value == slow ? 1.8 : 1));
        findings.Faults.Should().HaveCount(2);
        foreach (var fault in findings.Faults)
        {
            fault.Should().BeOfType<LinkFault.OfRank>(fault.Reason).Which.Rank.Should().Be(new Rank(slow));
            fault.Factor.Should().BeApproximately(1.8, 0.02);
        }

        findings.Of(new Rank(slow)).Should().BeOfType<ProbeVerdict.Slow>();
        findings.Of(new Rank((slow + 1) % worldSize)).Should().BeOfType<ProbeVerdict.Fit>();
    }

    [Fact]
    public void AnInterface_ThatOnlySendsSlowly_IsLocated()
    {
        var findings = new ProbeJudge().Links(MeasureSlow(6, (from, _) => from.Value == 4 ? 2.5 : 1));
        findings.Faults.Should().NotBeEmpty().And.AllBeOfType<LinkFault.OfRank>().Which.Should().OnlyContain(fault => fault.Rank == new Rank(4));
    }

    [Fact]
    public void EqualLinks_OfARing_AreAllFit() =>
        new ProbeJudge().Links(MeasureSlow(6, (_, _) => 1)).Links.Should().AllBeOfType<ProbeVerdict.Fit>();

    [Fact]
    public void Measure_WithNodes_SaysWhatEachLinkReaches()
    {
        NodeId[] nodes = [new("a"), new("a"), new("b")];
        var tables = Measure(3, nodes);
        tables[1].Select(link => link.Reach).Should().Equal(LinkReach.WithinNode, LinkReach.BetweenNodes, LinkReach.BetweenNodes);
    }

    [Fact]
    public void Measure_BetweenCollectives_LeavesTheGroupAsItWas() => OnRanks(3, communicator =>
    {
        for (var turn = 0; turn < 2; turn++)
        {
            LinkProbe.Measure(communicator, Brief);
            Span<double> sum = [communicator.Rank.Value];
            communicator.AllReduce(sum);
            sum[0].Should().Be(3);
        }
    });

    [Fact]
    public void Measure_WithUnequalPayloads_IsRefusedAtEveryRank() => OnRanks(2, communicator =>
        FluentActions.Invoking(() => LinkProbe.Measure(communicator, Brief with { PayloadBytes = (1 + communicator.Rank.Value) << 16 }))
            .Should().Throw<ArgumentException>().WithMessage("*65536 at rank 0 and 131072 at rank 1*"));

    [Fact]
    public void Measure_WhenAPeerGivesUp_EndsWithItsName()
    {
        var outcomes = Observe(2, (communicator, _) =>
        {
            if (communicator.Rank.Value == 1)
            {
                throw new InvalidOperationException("no time for probes");
            }

            LinkProbe.Measure(communicator, Brief);
        });
        outcomes[0].Should().BeAssignableTo<CollectiveException>().Which.Ranks.Should().Equal(new Rank(1));
    }

    /// <summary>The table of a group by the transport's own clock.</summary>
    private static ImmutableArray<LinkReading> MeasureSlow(int worldSize, Func<Rank, Rank, double> factorOf)
    {
        var table = ImmutableArray<LinkReading>.Empty;
        Observe(worldSize, (communicator, transport) =>
        {
            var own = LinkProbe.Measure(communicator, transport.NowNs, Brief, null);
            if (communicator.Rank.Value == 0)
            {
                table = own;
            }
        }, factorOf).Should().OnlyContain(outcome => outcome == null);
        return table;
    }

    private static ImmutableArray<LinkReading>[] Measure(int worldSize, NodeId[]? nodes = null)
    {
        var tables = new ImmutableArray<LinkReading>[worldSize];
        OnRanks(worldSize, communicator => tables[communicator.Rank.Value] = LinkProbe.Measure(communicator, Brief, nodes));
        return tables;
    }

    private static void OnRanks(int worldSize, Action<Communicator> body) =>
        Observe(worldSize, (communicator, _) => body(communicator)).Should().OnlyContain(outcome => outcome == null);

    /// <summary>What each rank threw, or null; a rank that fails tells the others.</summary>
    private static Exception?[] Observe(
        int worldSize, Action<Communicator, SlowLinkTransport> body, Func<Rank, Rank, double>? factorOf = null)
    {
        var ends = new TGroups().Create(worldSize, new TransportOptions());
        return RankThreads.Observe(worldSize, rank =>
        {
            using var device = new CpuDevice();
            using var transport = new SlowLinkTransport(ends[rank], factorOf ?? ((_, _) => 1));
            using var communicator = new Communicator(transport, device);
            try
            {
                body(communicator, transport);
            }
            catch (Exception e) when (e is not CollectiveException)
            {
                transport.Abort(e.Message);
                throw;
            }
        });
    }
}

public sealed class InProcessLinkProbeTests : LinkProbeTests<InProcessGroups>;

public sealed class TcpLinkProbeTests : LinkProbeTests<TcpGroups>;
