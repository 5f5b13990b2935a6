using System.IO.MemoryMappedFiles;
using StragglerGuard.Core;
using StragglerGuard.Core.Timing;
using StragglerGuard.Recording;

namespace StragglerGuard.Tests.Recording;

public sealed class StepRingTests
{
    [Fact]
    public void Drain_OfEmptyRing_GivesNothing()
    {
        var reader = StepRing.Allocate(8).CreateReader();

        reader.Drain(new StepTiming[4]).Should().Be(0);
        (reader.Read, reader.Lost, reader.Torn, reader.Restarts).Should().Be((0, 0, 0, 0));
    }

    [Fact]
    public void Drain_AcrossManyWraparounds_GivesEveryRecordInOrder()
    {
        var ring = StepRing.Allocate(8);
        var (writer, reader) = (ring.CreateWriter(), ring.CreateReader());
        var read = new List<StepTiming>();
        var buffer = new StepTiming[3];

        for (var step = 0; step < 1000; step++)
        {
            writer.Write(TimingOf(step));
            for (var count = buffer.Length; step % 5 == 4 && count == buffer.Length;)
            {
                count = reader.Drain(buffer);
                read.AddRange(buffer[..count]);
            }
        }

        read.Should().Equal(Enumerable.Range(0, 1000).Select(step => TimingOf(step)));
        (reader.Lost, reader.Torn, writer.Written).Should().Be((0, 0, 1000));
    }

    [Theory]
    [InlineData(8, 0)]
    [InlineData(9, 1)]
    [InlineData(16, 8)]
    [InlineData(1003, 995)]
    public void Drain_AfterTheRingOverflowed_CountsTheLossExactlyAndGivesTheNewest(int written, int lost)
    {
        var ring = StepRing.Allocate(8);
        var (writer, reader) = (ring.CreateWriter(), ring.CreateReader());
        for (var step = 0; step < written; step++)
        {
            writer.Write(TimingOf(step));
        }

        var buffer = new StepTiming[64];
        var count = reader.Drain(buffer);

        buffer[..count].Should().Equal(Enumerable.Range(written - 8, 8).Select(step => TimingOf(step)));
        (reader.Read, reader.Lost, reader.Torn).Should().Be((8, lost, 0));
        reader.Drain(buffer).Should().Be(0);
    }

    [Fact]
    public void Drain_ByTwoReaders_GivesEachEverything()
    {
        var ring = StepRing.Allocate(8);
        var writer = ring.CreateWriter();
        var (first, second) = (ring.CreateReader(), ring.CreateReader());
        writer.Write(TimingOf(0));
        writer.Write(TimingOf(1));
        var buffer = new StepTiming[8];

        first.Drain(buffer).Should().Be(2);
        second.Drain(buffer.AsSpan(0, 1)).Should().Be(1);
        buffer[0].Should().Be(TimingOf(0));
        second.Drain(buffer).Should().Be(1);
        buffer[0].Should().Be(TimingOf(1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(40)]
    [InlineData(104)]
    [InlineData(127)]
    public void Drain_OverDamagedByte_SkipsThatRecordAndCountsItTorn(int offset)
    {
        using var region = new MappedRegion(StepRing.RegionBytes(8));
        using var ring = StepRing.Format(region.Handle, 8);
        var (writer, reader) = (ring.CreateWriter(), ring.CreateReader());
        for (var step = 0; step < 5; step++)
        {
            writer.Write(TimingOf(step));
        }

        region.Flip(StepRing.RegionBytes(8) - (8 * 128) + (2 * 128) + offset);
        var buffer = new StepTiming[8];
        var count = reader.Drain(buffer);

        buffer[..count].Should().Equal(new[] { 0, 1, 3, 4 }.Select(step => TimingOf(step)));
        (reader.Read, reader.Lost, reader.Torn).Should().Be((4, 0, 1));
    }

    [Fact]
    public void Drain_WhenTheWriterDiedInTheMiddleOfARecord_CountsTheOverwrittenOneLostAndTheNextWriterGoesOn()
    {
        using var region = new MappedRegion(StepRing.RegionBytes(2));
        using var ring = StepRing.Format(region.Handle, 2);
        var (writer, reader) = (ring.CreateWriter(), ring.CreateReader());
        writer.Write(TimingOf(0));
        writer.Write(TimingOf(1));
        // Record 3 belongs over record 1; its head is there, its body is not, and it was never published.
        region.Write(StepRing.RegionBytes(2) - 256, 3UL);
        var buffer = new StepTiming[8];

        reader.Drain(buffer).Should().Be(1);
        buffer[0].Should().Be(TimingOf(1));
        (reader.Lost, reader.Torn).Should().Be((1, 0));

        var successor = ring.CreateWriter();
        successor.Written.Should().Be(2);
        successor.Write(TimingOf(2));
        reader.Drain(buffer).Should().Be(1);
        buffer[0].Should().Be(TimingOf(2));
    }

    [Fact]
    public void Drain_AfterTheRegionWasFormattedAnew_BeginsAgainAndSaysSo()
    {
        using var region = new MappedRegion(StepRing.RegionBytes(8));
        using var ring = StepRing.Format(region.Handle, 8);
        var reader = ring.CreateReader();
        var writer = ring.CreateWriter();
        writer.Write(TimingOf(0));
        writer.Write(TimingOf(1));
        var buffer = new StepTiming[8];
        reader.Drain(buffer).Should().Be(2);

        using var again = StepRing.Format(region.Handle, 8);
        again.CreateWriter().Write(TimingOf(7));

        reader.Drain(buffer).Should().Be(1);
        buffer[0].Should().Be(TimingOf(7));
        (reader.Restarts, reader.Torn, reader.Lost).Should().Be((1, 0, 0));
    }

    [Fact]
    public void Drain_WhileTheWriterRunsAtFullSpeed_ReadsOnlyWholeRecordsAndAccountsForEachOne()
    {
        const int Records = 2_000_000;
        var ring = StepRing.Allocate(64);
        var (writer, reader) = (ring.CreateWriter(), ring.CreateReader());
        using var start = new Barrier(2);
        var finished = false;
        var thread = new Thread(() =>
        {
            start.SignalAndWait();
            for (var step = 0; step < Records; step++)
            {
                writer.Write(TimingOf(step));
            }

            Volatile.Write(ref finished, true);
        });
        thread.Start();
        start.SignalAndWait();

        var buffer = new StepTiming[16];
        long newest = -1;
        long broken = 0;
        for (; ; )
        {
            // Asked before the drain: an empty drain after the writer's end is the end.
            var last = Volatile.Read(ref finished);
            var count = reader.Drain(buffer);
            foreach (ref readonly var timing in buffer.AsSpan(0, count))
            {
                broken += timing.Step > newest && timing.Equals(TimingOf(timing.Step)) ? 0 : 1;
                newest = timing.Step;
            }

            if (last && count == 0)
            {
                break;
            }
        }

        thread.Join();
        broken.Should().Be(0);
        newest.Should().Be(Records - 1);
        reader.Torn.Should().Be(0);
        reader.Read.Should().BeGreaterThanOrEqualTo(64);
        (reader.Read + reader.Lost).Should().Be(Records);
    }

    [Fact]
    public void WriteAndDrain_AfterWarmUp_AllocateNothing()
    {
        var ring = StepRing.Allocate(64);
        var (writer, reader) = (ring.CreateWriter(), ring.CreateReader());
        var buffer = new StepTiming[64];
        void Run()
        {
            for (var step = 0; step < 1000; step++)
            {
                writer.Write(TimingOf(step));
                if (step % 100 == 0)
                {
                    reader.Drain(buffer);
                }
            }
        }

        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run();

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
        reader.Read.Should().BeGreaterThan(64);
    }

    [Fact]
    public void Attach_ToARingThatAnotherMappingFormatted_SeesItsRecords()
    {
        using var region = new MappedRegion(StepRing.RegionBytes(16));
        using var ring = StepRing.Format(region.Handle, 16);
        ring.CreateWriter().Write(TimingOf(3));
        using var other = region.MapAgain();

        var attachment = StepRing.Attach(other.SafeMemoryMappedViewHandle);

        attachment.Ring.Should().NotBeNull(attachment.Reason);
        using var attached = attachment.Ring!;
        var buffer = new StepTiming[1];
        attached.Slots.Should().Be(16);
        attached.CreateReader().Drain(buffer).Should().Be(1);
        buffer[0].Should().Be(TimingOf(3));
    }

    [Theory]
    [InlineData(0, 0x77UL, "not a step ring")]
    [InlineData(8, 0x0000_0080_0000_0002UL, "layout version 2")]
    [InlineData(8, 0x0000_0040_0000_0001UL, "records of 64 bytes")]
    [InlineData(16, 0x0000_1000_0000_0007UL, "7 slots")]
    [InlineData(16, 0x0000_0010_0000_0008UL, "a control page of 16 bytes")]
    [InlineData(16, 0x0000_1000_0010_0000UL, "its header promises")]
    public void Attach_ToAForeignOrDamagedHeader_SaysWhatItFound(long offset, ulong word, string reason)
    {
        using var region = new MappedRegion(StepRing.RegionBytes(8));
        StepRing.Format(region.Handle, 8).Dispose();
        region.Write(offset, word);

        var attachment = StepRing.Attach(region.Handle);

        attachment.Ring.Should().BeNull();
        attachment.Reason.Should().Contain(reason);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(12)]
    [InlineData(1 << 23)]
    public void Allocate_WithImpossibleSlots_Throws(int slots) =>
        FluentActions.Invoking(() => StepRing.Allocate(slots)).Should().Throw<ArgumentOutOfRangeException>();

    [Theory]
    [InlineData(0)]
    [InlineData(5000)]
    public void Allocate_WithImpossibleControlPage_Throws(int controlBytes) =>
        FluentActions.Invoking(() => StepRing.Allocate(8, controlBytes)).Should().Throw<ArgumentOutOfRangeException>();

    [Fact]
    public void Format_OfTooSmallRegion_Throws()
    {
        using var region = new MappedRegion(4096);

        FluentActions.Invoking(() => StepRing.Format(region.Handle, 4096)).Should().Throw<ArgumentOutOfRangeException>();
    }

    /// <summary>Every field follows from the step, so that a mixture of two records shows.</summary>
    private static StepTiming TimingOf(long step) => new()
    {
        Generation = new Generation((int)(step % 1000)),
        Step = step,
        Rank = new Rank((int)(step % 17)),
        StartNs = step * 3,
        ComputeNs = step * 5,
        DataWaitNs = step * 7,
        ArrivalNs = step * 11,
        DepartureNs = step * 13,
        WorkUnits = (int)(step % 33),
        Weight = step * 0.5,
        WorkloadFeature = -step,
        Epoch = new PlanEpoch(step / 3),
    };
}
