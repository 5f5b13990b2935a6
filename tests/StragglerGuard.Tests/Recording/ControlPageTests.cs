using System.Text;
using StragglerGuard.Core;
using StragglerGuard.Recording;

namespace StragglerGuard.Tests.Recording;

public sealed class ControlPageTests
{
    private const long PageStart = 4096;

    [Fact]
    public void TryRead_BeforeAnyPlan_FindsNothing()
    {
        var control = StepRing.Allocate(8).Control;

        control.TryRead(PlanEpoch.Initial, new byte[16], out var epoch, out var length).Should().Be(ControlRead.NothingNew);
        (epoch, length).Should().Be((PlanEpoch.Initial, 0));
    }

    [Fact]
    public void TryRead_AfterPublishing_CopiesTheNewestPlanOnce()
    {
        var control = StepRing.Allocate(8).Control;
        var buffer = new byte[control.Capacity];
        control.TryPublish(new PlanEpoch(4), "an older, longer plan"u8).Should().BeTrue();
        control.TryPublish(new PlanEpoch(7), "the plan"u8).Should().BeTrue();

        control.TryRead(new PlanEpoch(4), buffer, out var epoch, out var length).Should().Be(ControlRead.Copied);

        epoch.Should().Be(new PlanEpoch(7));
        Encoding.ASCII.GetString(buffer, 0, length).Should().Be("the plan");
        control.TryRead(epoch, buffer, out _, out length).Should().Be(ControlRead.NothingNew);
        length.Should().Be(0);
    }

    [Fact]
    public void TryPublish_OfKnownPlan_GivesTheContractsBytes()
    {
        using var region = new MappedRegion(StepRing.RegionBytes(2));
        using var ring = StepRing.Format(region.Handle, 2);

        ring.Control.TryPublish(new PlanEpoch(5), "plan-0005"u8);

        // Made by an independent encoder in another language from the page's documentation.
        Convert.ToHexString(region.Bytes(PageStart, 32)).Should().Be("020000000000000005000000000000000900000000000000842E641A0CB4903B");
        region.Bytes(PageStart + 64, 9).Should().Equal("plan-0005"u8.ToArray());
    }

    [Fact]
    public void TryPublish_UpToCapacity_FitsAndOneMoreDoesNot()
    {
        var control = StepRing.Allocate(8, controlBytes: 8192).Control;
        var plan = new byte[control.Capacity + 1];
        new Random(7).NextBytes(plan);
        var buffer = new byte[control.Capacity];

        control.Capacity.Should().Be(8192 - 64);
        control.TryPublish(new PlanEpoch(1), plan.AsSpan(0, control.Capacity)).Should().BeTrue();
        control.TryPublish(new PlanEpoch(2), plan).Should().BeFalse();

        control.TryRead(PlanEpoch.Initial, buffer, out var epoch, out var length).Should().Be(ControlRead.Copied);
        (epoch, length).Should().Be((new PlanEpoch(1), control.Capacity));
        buffer.Should().Equal(plan[..control.Capacity]);
    }

    [Fact]
    public void TryRead_IntoTooSmallDestination_SaysHowLongThePlanIs()
    {
        var control = StepRing.Allocate(8).Control;
        control.TryPublish(new PlanEpoch(1), "0123456789"u8);

        control.TryRead(PlanEpoch.Initial, new byte[9], out _, out var length).Should().Be(ControlRead.DestinationTooSmall);

        length.Should().Be(10);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(23)]
    [InlineData(24)]
    [InlineData(64)]
    [InlineData(72)]
    public void TryRead_OverDamagedByte_NeverTakesItForAPlan(int offset)
    {
        using var region = new MappedRegion(StepRing.RegionBytes(2));
        using var ring = StepRing.Format(region.Handle, 2);
        ring.Control.TryPublish(new PlanEpoch(5), "plan-0005"u8);

        region.Flip(PageStart + offset);

        ring.Control.TryRead(PlanEpoch.Initial, new byte[ring.Control.Capacity], out var epoch, out var length).Should().Be(ControlRead.BeingWritten);
        (epoch, length).Should().Be((PlanEpoch.Initial, 0));
    }

    [Fact]
    public void TryRead_WhenTheAgentDiedWhileWriting_GivesUpAndTheNextAgentsPlanComesThrough()
    {
        using var region = new MappedRegion(StepRing.RegionBytes(2));
        using var ring = StepRing.Format(region.Handle, 2);
        ring.Control.TryPublish(new PlanEpoch(5), "old"u8);
        region.Write(PageStart, 3);
        var buffer = new byte[ring.Control.Capacity];

        ring.Control.TryRead(PlanEpoch.Initial, buffer, out _, out _).Should().Be(ControlRead.BeingWritten);
        ring.Control.TryPublish(new PlanEpoch(6), "new"u8).Should().BeTrue();

        ring.Control.TryRead(PlanEpoch.Initial, buffer, out var epoch, out var length).Should().Be(ControlRead.Copied);
        (epoch, Encoding.ASCII.GetString(buffer, 0, length)).Should().Be((new PlanEpoch(6), "new"));
    }

    [Fact]
    public void TryRead_WhileTheAgentPublishesAtFullSpeed_CopiesOnlyWholePlansAndTheLastOne()
    {
        const int Plans = 100_000;
        var control = StepRing.Allocate(8).Control;
        using var start = new Barrier(2);
        var finished = false;
        var agent = new Thread(() =>
        {
            Span<byte> plan = stackalloc byte[160];
            start.SignalAndWait();
            for (var epoch = 1; epoch <= Plans; epoch++)
            {
                var length = LengthOf(epoch);
                plan[..length].Fill((byte)epoch);
                control.TryPublish(new PlanEpoch(epoch), plan[..length]);
            }

            Volatile.Write(ref finished, true);
        });
        agent.Start();
        start.SignalAndWait();

        var buffer = new byte[control.Capacity];
        var held = PlanEpoch.Initial;
        var broken = 0;
        for (; ; )
        {
            var last = Volatile.Read(ref finished);
            var answer = control.TryRead(held, buffer, out var epoch, out var length);
            if (answer == ControlRead.Copied)
            {
                var whole = epoch > held && length == LengthOf(epoch.Value) && !buffer.AsSpan(0, length).ContainsAnyExcept((byte)epoch.Value);
                broken += whole ? 0 : 1;
                held = epoch;
            }

            if (last && answer == ControlRead.NothingNew)
            {
                break;
            }
        }

        agent.Join();
        broken.Should().Be(0);
        held.Should().Be(new PlanEpoch(Plans));
    }

    [Fact]
    public void PublishAndRead_AfterWarmUp_AllocateNothing()
    {
        var control = StepRing.Allocate(8).Control;
        var buffer = new byte[control.Capacity];
        long epoch = 0;
        void Run()
        {
            for (var i = 0; i < 200; i++)
            {
                control.TryPublish(new PlanEpoch(++epoch), "0123456789"u8);
                control.TryRead(new PlanEpoch(epoch - 1), buffer, out _, out _);
            }
        }

        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run();

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }

    private static int LengthOf(long epoch) => 1 + (int)(epoch % 150);
}
