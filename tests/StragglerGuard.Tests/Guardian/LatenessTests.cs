using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Guardian;

public sealed class LatenessTests
{
    private const long StepNs = 500_000_000;

    [Fact]
    public void Lateness_IsHowFarTheLastFrameLiesBehindTheNewestRecord()
    {
        var judge = new JobJudge(Enrollment(0), new ModeSchedule(PolicyMode.Observe), new StragglerGuardOptions());
        judge.Enroll(Enrollment(1));
        judge.Status().LatenessSeconds.Should().BeNull("there is no frame yet");

        judge.Add(Report(0, steps: 10));
        judge.Add(Report(1, steps: 7));
        judge.JudgeFrames(null, decide => decide(1) is { } decision ? new LedgerEntry(1, DateTimeOffset.UnixEpoch, decision) : null);

        judge.Status().LastStep.Should().Be(6);
        judge.Status().LatenessSeconds.Should().Be(1.5, "rank 0 has begun three more steps of half a second");
    }

    private static RankReport Report(int rank, int steps) => new(
        Enrollment(rank),
        Enumerable.Range(0, steps).Select(step => new StepTiming
        {
            Rank = new Rank(rank),
            Step = step,
            StartNs = (rank * 7_000_000_000_000) + (step * StepNs),
            ComputeNs = StepNs / 2,
            ArrivalNs = 1,
            DepartureNs = 2,
            WorkUnits = 4,
            Weight = 4,
        }).ToArray(),
        Lost: 0, Torn: 0, SplitVotes: 0, Left: false);

    private static RankEnrollment Enrollment(int rank) => new(
        new JobId("job"), new Generation(0), new Rank(rank), WorldSize: 2, new WorkerId(new NodeId("node"), $"GPU-{rank}"),
        new DeviceClass("H100"), Stage: 0, TotalMicroBatches: 8, MicroBatchesMin: 1, MicroBatchesMax: 8);
}
