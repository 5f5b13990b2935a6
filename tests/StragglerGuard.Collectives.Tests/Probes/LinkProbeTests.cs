using System.Collections.Immutable;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Probes;
using StragglerGuard.Collectives.Tests.Transports;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Probing;

namespace StragglerGuard.Collectives.Tests.Probes;

/// <summary>Real groups. Slow links are so by work, many times that of the others: nothing depends on how fast or how busy the machine is.</summary>
public abstract class LinkProbeTests<TGroups>
    where TGroups : IGroupFactory, new()
{
    private const int Times = 40;

    private static readonly ProbeOptions Brief = new() { TimeLimit = TimeSpan.FromMilliseconds(120), PayloadBytes = 64 * 1024 };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(7)]
    public void Measure_OfAnyGroup_GivesAllRanksTheSameWholeTable(int worldSize)
    {
        var tables = Measure(worldSize, (_, _) => false);
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

    [Theory]
    [InlineData(4, 1)]
    [InlineData(5, 4)]
    public void ASlowLink_InARing_IsLocated(int worldSize, int slow)
    {
        var end = (slow + 1) % worldSize;
        var findings = Judge(worldSize, (a, b) => (a.Value == slow && b.Value == end) || (a.Value == end && b.Value == slow));
        var worst = findings.Faults.Should().NotBeEmpty().And.Subject.First();
        var fault = worst.Should().BeOfType<LinkFault.OfLink>(worst.Reason).Subject;
        fault.From.Should().Be(new Rank(slow));
        fault.To.Should().Be(new Rank(end));
        findings.Links[slow].Should().BeOfType<ProbeVerdict.Slow>();
    }

    [Theory]
    [InlineData(4, 3)]
    [InlineData(5, 2)]
    public void ASlowInterface_InARing_IsLocated(int worldSize, int slow)
    {
        var findings = Judge(worldSize, (a, b) => a.Value == slow || b.Value == slow);
        var worst = findings.Faults.Should().NotBeEmpty().And.Subject.First();
        worst.Should().BeOfType<LinkFault.OfRank>(worst.Reason).Which.Rank.Should().Be(new Rank(slow));
        findings.Of(new Rank(slow)).Should().BeOfType<ProbeVerdict.Slow>();
    }

    [Fact]
    public void Measure_WithNodes_SaysWhatEachLinkReaches()
    {
        NodeId[] nodes = [new("a"), new("a"), new("b")];
        var tables = Measure(3, (_, _) => false, nodes);
        tables[1].Select(link => link.Reach).Should().Equal(LinkReach.WithinNode, LinkReach.BetweenNodes, LinkReach.BetweenNodes);
    }

    [Fact]
    public void Measure_BetweenCollectives_LeavesTheGroupAsItWas() => OnRanks(3, (_, _) => false, communicator =>
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
    public void Measure_WithUnequalPayloads_IsRefusedAtEveryRank() => OnRanks(2, (_, _) => false, communicator =>
        FluentActions.Invoking(() => LinkProbe.Measure(communicator, Brief with { PayloadBytes = (1 + communicator.Rank.Value) << 16 }))
            .Should().Throw<ArgumentException>().WithMessage("*65536 at rank 0 and 131072 at rank 1*"));

    [Fact]
    public void Measure_WhenAPeerGivesUp_EndsWithItsName()
    {
        var outcomes = Observe(2, (_, _) => false, communicator =>
        {
            if (communicator.Rank.Value == 1)
            {
                throw new InvalidOperationException("no time for probes");
            }

            LinkProbe.Measure(communicator, Brief);
        });
        outcomes[0].Should().BeAssignableTo<CollectiveException>().Which.Ranks.Should().Equal(new Rank(1));
    }

    private static LinkFindings Judge(int worldSize, Func<Rank, Rank, bool> isSlow) =>
        new ProbeJudge().Links(Measure(worldSize, isSlow)[0]);

    private static ImmutableArray<LinkReading>[] Measure(int worldSize, Func<Rank, Rank, bool> isSlow, NodeId[]? nodes = null)
    {
        var tables = new ImmutableArray<LinkReading>[worldSize];
        OnRanks(worldSize, isSlow, communicator => tables[communicator.Rank.Value] = LinkProbe.Measure(communicator, Brief, nodes));
        return tables;
    }

    private static void OnRanks(int worldSize, Func<Rank, Rank, bool> isSlow, Action<Communicator> body) =>
        Observe(worldSize, isSlow, body).Should().OnlyContain(outcome => outcome == null);

    /// <summary>What each rank threw, or null; a rank that fails tells the others.</summary>
    private static Exception?[] Observe(int worldSize, Func<Rank, Rank, bool> isSlow, Action<Communicator> body)
    {
        var ends = new TGroups().Create(worldSize, new TransportOptions());
        return RankThreads.Observe(worldSize, rank =>
        {
            using var device = new CpuDevice();
            using var transport = new SlowLinkTransport(ends[rank], isSlow, Times);
            using var communicator = new Communicator(transport, device);
            try
            {
                body(communicator);
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
