using System.Buffers;
using System.Text;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.Tests.Guardian;

public sealed class DroppedReportsTests : IDisposable
{
    private readonly GuardInstruments _instruments = new();
    private readonly List<string> _complaints = [];

    public void Dispose() => _instruments.Dispose();

    [Fact]
    public async Task Reports_ThatGaveWay_AreCountedAndToldOfWhenThatBegins()
    {
        var dropped = new DroppedReports(_instruments, _complaints.Add);

        dropped.Look(0);
        (await PageAsync()).Should().Contain("stragglerguard_guardian_reports_dropped_total 0");
        dropped.Look(7);
        dropped.Look(9);
        dropped.Look(9);
        dropped.Look(12);

        (await PageAsync()).Should().Contain("stragglerguard_guardian_reports_dropped_total 12");
        _complaints.Should().ContainSingle().Which.Should().StartWith("the guardian is behind: 7 reports gave way");
    }

    [Fact]
    public void Reports_ThatGiveWayAgainAfterAWhile_AreToldOfAgain()
    {
        var dropped = new DroppedReports(_instruments, _complaints.Add);

        dropped.Look(7);
        for (int look = 0; look < 40; look++)
        {
            dropped.Look(7);
        }

        dropped.Look(8);

        _complaints.Should().HaveCount(2);
    }

    [Fact]
    public async Task Guardian_WhoseFabricDropsReports_SaysSo()
    {
        var fabric = new TestFabric { ReportsDropped = 5 };
        await using var service = new GuardianService(fabric, new InMemoryLedger(), new StragglerGuardOptions(), _instruments);
        var told = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        service.Complained += complaint => told.TrySetResult(complaint);

        (await told.Task.WaitAsync(Patience.Limit)).Should().StartWith("the guardian is behind: 5 reports");
        (await PageAsync()).Should().Contain("stragglerguard_guardian_reports_dropped_total 5");
    }

    private async Task<string> PageAsync()
    {
        using var exposition = new TextExposition(_instruments.Meter, maxSeries: 100);
        var page = new ArrayBufferWriter<byte>();
        await ((IMetricsPage)exposition).WriteAsync(page, default);
        return Encoding.UTF8.GetString(page.WrittenSpan);
    }
}
