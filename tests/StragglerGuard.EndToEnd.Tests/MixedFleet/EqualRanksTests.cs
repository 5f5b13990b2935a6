using System.Globalization;
using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.MixedFleet;

[Collection(TimedRuns.Name)]
public sealed class EqualRanksTests(ITestOutputHelper log) : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(4, true)]
    [InlineData(6, false)]
    public async Task EqualPaces_NobodySlow_NoVerdictAndNoPlan(int ranks, bool processes)
    {
        string microBatches = (2 * ranks).ToString(CultureInfo.InvariantCulture);
        string[] arguments =
        [
            "--fleet", _folder.WriteEquals(ranks, paceMs: 20), "--micro-batches", microBatches, "--steps", "80", "--json",
            .. processes ? ["--processes"] : Array.Empty<string>(),
        ];
        RunReport report = (await SampleRun.CompleteAsync(log, _folder, arguments)).Report();

        report.Verdicts.Should().BeEmpty();
        report.Plans.Should().BeEmpty();
        report.Ranks.Should().HaveCount(ranks).And.OnlyContain(rank => rank.MicroBatches == 2);
    }
}
