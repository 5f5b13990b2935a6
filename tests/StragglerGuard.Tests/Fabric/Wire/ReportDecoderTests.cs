using FsCheck;
using FsCheck.Fluent;
using StragglerGuard.Core;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Fabric.Wire;

namespace StragglerGuard.Tests.Fabric.Wire;

public sealed class ReportDecoderTests
{
    private static readonly Config Checked = Config.QuickThrowOnFailure.WithReplay(1815, 77);

    /// <summary>What is remembered of a node must never show in what the next report says.</summary>
    [Fact]
    public void Reports_OfNodesThatChange_AreWhatTheWireFormatReads() =>
        Prop.ForAll(Seeds(), seed =>
        {
            var random = new Random(seed);
            var decoder = new ReportDecoder(knownRanksMax: 1 + random.Next(12));
            for (int sent = 0; sent < 20; sent++)
            {
                byte[] bytes = WireFormat.Encode(Changed(random));
                if (Difference(decoder, bytes) is { } difference)
                {
                    return false.Label($"seed {seed}, report {sent}: {difference}");
                }
            }

            return true.Label("");
        }).Check(Checked.WithMaxTest(200));

    [Fact]
    public void Reports_OfEveryShape_AreWhatTheWireFormatReads() =>
        Prop.ForAll(Seeds(), seed =>
        {
            var random = new Random(seed);
            var decoder = new ReportDecoder();
            byte[] bytes = WireFormat.Encode(RandomReports.Report(random));
            return (Difference(decoder, bytes) ?? Difference(decoder, bytes)) is not { } difference
                ? true.Label("")
                : false.Label($"seed {seed}: {difference}");
        }).Check(Checked.WithMaxTest(300));

    [Fact]
    public void Reports_CutShort_AreWhatTheWireFormatReads()
    {
        byte[] bytes = WireFormat.Encode(Usual(sequence: 7));
        var decoder = new ReportDecoder();
        decoder.TryDecode(bytes, out _, out _).Should().BeTrue("the node is known from here on");

        for (int length = 0; length <= bytes.Length; length++)
        {
            Difference(decoder, bytes.AsSpan(0, length)).Should().BeNull("of {0} bytes the first {1} came", bytes.Length, length);
        }
    }

    [Fact]
    public void Reports_WithABitFlipped_AreWhatTheWireFormatReads()
    {
        byte[] bytes = WireFormat.Encode(Usual(sequence: 7));
        var decoder = new ReportDecoder();
        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            decoder.TryDecode(WireFormat.Encode(Usual(sequence: bit)), out _, out _).Should().BeTrue("the node is known");
            byte[] damaged = [.. bytes];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));

            Difference(decoder, damaged).Should().BeNull("bit {0} is flipped", bit);
        }
    }

    [Fact]
    public void Reports_WithAnyByteReplacedAndOthersFlipped_AreWhatTheWireFormatReads() =>
        Prop.ForAll(Seeds(), seed =>
        {
            var random = new Random(seed);
            var decoder = new ReportDecoder();
            byte[] bytes = WireFormat.Encode(random.Next(2) == 0 ? Changed(random) : RandomReports.Report(random));
            decoder.TryDecode(bytes, out _, out _);
            for (int flips = random.Next(1, 6); flips > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            return Difference(decoder, bytes) is not { } difference ? true.Label("") : false.Label($"seed {seed}: {difference}");
        }).Check(Checked.WithMaxTest(2000));

    [Fact]
    public void Report_OfANewerMinorSchema_IsRead()
    {
        // Field 63, a varint: what a later build may add, and this one skips.
        byte[] bytes = [.. WireFormat.Encode(Usual(sequence: 1)), 0xF8, 0x03, 0x2A];

        new ReportDecoder().TryDecode(bytes, out NodeReport? report, out string reason).Should().BeTrue(reason);

        Reports.Same(report!, Usual(sequence: 1)).Should().BeTrue();
    }

    [Fact]
    public void Enrollment_SaidAgain_IsTheOneReadBefore()
    {
        var decoder = new ReportDecoder();

        NodeReport first = Decode(decoder, Usual(sequence: 1));
        NodeReport second = Decode(decoder, Usual(sequence: 2));

        second.Ranks.Select(rank => rank.Enrollment).Should().Equal(first.Ranks.Select(rank => rank.Enrollment), ReferenceEquals);
        second.Sequence.Should().Be(2);
        decoder.KnownRanks.Should().Be(first.Ranks.Count);
    }

    [Fact]
    public void Enrollment_ThatChanges_IsReadAnewAndLeavesTheOthersAlone()
    {
        var decoder = new ReportDecoder();
        NodeReport usual = Usual(sequence: 1);
        NodeReport first = Decode(decoder, usual);
        RankEnrollment newer = usual.Ranks[3].Enrollment with { Generation = new Generation(5) };

        NodeReport second = Decode(
            decoder, usual with { Ranks = [.. usual.Ranks.Select((rank, i) => i == 3 ? rank with { Enrollment = newer } : rank)] });

        second.Ranks[3].Enrollment.Should().Be(newer);
        second.Ranks[2].Enrollment.Should().BeSameAs(first.Ranks[2].Enrollment);
        Decode(decoder, usual).Ranks[3].Enrollment.Should().Be(usual.Ranks[3].Enrollment);
        decoder.KnownRanks.Should().Be(usual.Ranks.Count, "a node is known once");
    }

    [Fact]
    public void Memory_OfMoreNodesThanItHolds_StaysWithinItsTwoHalves()
    {
        const int KnownMax = 80;
        var decoder = new ReportDecoder(KnownMax);

        for (int node = 0; node < 200; node++)
        {
            Difference(decoder, WireFormat.Encode(Usual(sequence: node, node: $"node-{node}"))).Should().BeNull();
            decoder.KnownRanks.Should().BeLessThanOrEqualTo(2 * KnownMax);
        }

        decoder.KnownRanks.Should().BeGreaterThan(KnownMax / 2, "it does not forget all at once");
    }

    [Fact]
    public void Memory_OfEnrollmentsLongerThanAnybodys_IsNotKept()
    {
        var decoder = new ReportDecoder();
        NodeReport usual = Usual(sequence: 1);
        RankEnrollment endless = usual.Ranks[0].Enrollment with { Job = new JobId(new string('x', KnownNodes.EnrollmentBytesMax)) };

        Difference(decoder, WireFormat.Encode(usual with { Ranks = [usual.Ranks[0] with { Enrollment = endless }] })).Should().BeNull();
        Difference(decoder, WireFormat.Encode(usual with { Node = new NodeId(new string('n', KnownNodes.NameBytesMax + 1)) })).Should().BeNull();

        decoder.KnownRanks.Should().Be(0);
    }

    [Fact]
    public void Report_OfAKnownNode_AllocatesNothingBesidesItself()
    {
        var decoder = new ReportDecoder();
        byte[] bytes = WireFormat.Encode(Usual(sequence: 1));
        NodeReport known = Decode(decoder, Usual(sequence: 0));
        for (int warmUp = 0; warmUp < 200; warmUp++)
        {
            decoder.TryDecode(bytes, out _, out _);
            ByHand(known);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        NodeReport copied = ByHand(known);
        long byHand = GC.GetAllocatedBytesForCurrentThread() - before;
        before = GC.GetAllocatedBytesForCurrentThread();
        decoder.TryDecode(bytes, out NodeReport? report, out _);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        allocated.Should().Be(byHand, "the report, its ranks and one array of records are all there is");
        report!.Ranks.Count.Should().Be(copied.Ranks.Count);
    }

    [Fact]
    public void Decoder_UsedByManyThreads_ConfusesNoNodes()
    {
        var decoder = new ReportDecoder(knownRanksMax: 200);
        byte[][] messages = [.. Enumerable.Range(0, 64).Select(node => WireFormat.Encode(Usual(sequence: node, node: $"node-{node}")))];
        string?[] differences = new string?[4_096];

        Parallel.For(0, differences.Length, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
            differences[i] = Difference(decoder, messages[i % messages.Length]));

        differences.Should().OnlyContain(difference => difference == null);
    }

    /// <summary>The least that a report of one step of each rank takes.</summary>
    private static NodeReport ByHand(NodeReport known)
    {
        var timings = new StepTiming[known.Ranks.Count];
        var ranks = new RankReport[known.Ranks.Count];
        for (int i = 0; i < ranks.Length; i++)
        {
            ranks[i] = new RankReport(known.Ranks[i].Enrollment, timings.AsMemory(i, 1), 0, 0, 0, false);
        }

        return new NodeReport(known.Node, 1, 1, ranks);
    }

    /// <summary>What a node says as long as nothing happens.</summary>
    private static NodeReport Usual(long sequence, string node = "node-a") => new(
        new NodeId(node), sequence, SentNs: 1_000_000_000 * sequence,
        [.. Enumerable.Range(0, 8).Select(rank => new RankReport(
            Reports.Enrollment(rank, worldSize: 64, total: 512) with { Worker = new WorkerId(new NodeId(node), $"GPU-{rank}") },
            new[] { Reports.Timing(rank, sequence) }, Lost: rank, Torn: 0, SplitVotes: 1, Left: false))]);

    /// <summary>A report of one of few nodes, most of it as before, some of it not.</summary>
    private static NodeReport Changed(Random random)
    {
        NodeReport usual = Usual(random.Next(1_000), $"node-{random.Next(3)}");
        IEnumerable<RankReport> ranks = usual.Ranks.Skip(random.Next(3)).Take(random.Next(7)).Select(rank => random.Next(4) switch
        {
            0 => rank with { Enrollment = rank.Enrollment with { Generation = new Generation(random.Next(3)) } },
            1 => rank with
            {
                Timings = RandomReports.Draw(random, random.Next(4), () => Reports.Timing(rank.Enrollment.Rank.Value, random.Next(100))),
                Left = random.Next(2) == 0,
                Regroups = random.Next(2) == 0,
                Trial = new RankTrial(new PlanEpoch(random.Next()), 1 + random.NextDouble()),
                Failure = random.Next(3) == 0 ? new GroupFailure([new Rank(1)], "gone") : null,
            },
            _ => rank,
        });
        return usual with { Ranks = [.. ranks] };
    }

    /// <summary>How the decoder's answer differs from the wire format's own; null where it does not.</summary>
    private static string? Difference(ReportDecoder decoder, ReadOnlySpan<byte> bytes)
    {
        bool isRead = decoder.TryDecode(bytes, out NodeReport? read, out string reason);
        bool isExpected = WireFormat.TryDecodeReport(bytes, out NodeReport? expected, out string expectedReason);
        return isRead != isExpected ? $"read: {isRead}, expected: {isExpected}; '{reason}', expected '{expectedReason}'"
            : reason != expectedReason ? $"'{reason}', expected '{expectedReason}'"
            : isRead && !Reports.Same(read!, expected!) ? $"{read} is not {expected}"
            : null;
    }

    private static NodeReport Decode(ReportDecoder decoder, NodeReport report)
    {
        decoder.TryDecodeUsual(WireFormat.Encode(report), out NodeReport? read).Should().BeTrue("nothing about it is unusual");
        return read!;
    }

    private static Arbitrary<int> Seeds() => Arb.From(Gen.Choose(0, int.MaxValue));
}
