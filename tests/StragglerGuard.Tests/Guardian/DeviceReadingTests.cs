using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Fabric.Wire;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.Tests.Guardian;

/// <summary>A slow rank, and what its device has to say about it, from the wire to the ledger.</summary>
public sealed class DeviceReadingTests
{
    private const long SlowFrom = 60;

    private static readonly DeviceReading Healthy = new(1_980, 1_980, IsThrottled: false) { Limits = ClockLimits.None, Utilization = 0.99 };
    private static readonly DeviceReading Hot = new(990, 1_980, IsThrottled: true) { Limits = ClockLimits.HardwareThermal, TemperatureCelsius = 91 };

    [Fact]
    public async Task Verdict_OfARankWhoseClockIsHeldDown_NamesThrottling()
    {
        var found = await Judge((rank, step) => rank == 4 && step >= SlowFrom ? Hot : Healthy);

        found.Verdict.Rank.Should().Be(new Rank(4));
        found.Verdict.Cause.Should().Be(Cause.Throttling);
        found.Reason.Should().Contain("its device runs at a reduced clock");
    }

    [Fact]
    public async Task Verdict_WhereAllClocksAreHeldDownAlike_NamesTheRanksOwnCompute() =>
        (await Judge((_, _) => Hot)).Verdict.Cause.Should().Be(Cause.Compute);

    [Fact]
    public async Task Verdict_WhereOnlyAnotherRankIsHeldDown_NamesTheRanksOwnCompute() =>
        (await Judge((rank, _) => rank == 1 ? Hot : Healthy)).Verdict.Cause.Should().Be(Cause.Compute);

    [Fact]
    public async Task Verdict_WhereNobodyReadsDevices_NamesTheRanksOwnCompute() =>
        (await Judge((_, _) => default)).Verdict.Cause.Should().Be(Cause.Compute);

    private static async Task<StragglerFound> Judge(Func<int, long, DeviceReading> device)
    {
        var ranks = new VirtualRanks(3, total: 30, 0.02, 0.02, 0.02, 0.02, 0.02) { Factor = (rank, step) => rank == 4 && step >= SlowFrom ? 2 : 1, Device = device };
        var ledger = new InMemoryLedger();
        var fabric = new TestFabric();
        using var instruments = new GuardInstruments();
        await using var guardian = new GuardianService(fabric, ledger, new StragglerGuardOptions { Mode = PolicyMode.Observe }, instruments);
        var ended = guardian.JobEndedAsync(ranks.Job, Patience.Limit);
        var records = ranks.SkewProbes();
        for (int sequence = 1; ranks.NextStep < 120; sequence++)
        {
            records.AddRange(ranks.TakeSteps(5));
            byte[] message = WireFormat.Encode(ranks.ReportOfAll(sequence, records, left: ranks.NextStep == 120));
            WireFormat.TryDecodeReport(message, out NodeReport? report, out string reason).Should().BeTrue(reason);
            fabric.Report(report!);
            records.Clear();
        }

        (await ended).Should().BeTrue("all ranks have left");
        return ledger.Read().Select(entry => entry.Decision).OfType<StragglerFound>().Should().ContainSingle().Which;
    }
}
