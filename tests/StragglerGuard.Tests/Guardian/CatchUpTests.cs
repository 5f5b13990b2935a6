using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Guardian;

/// <summary>A guardian that takes a running job over hears first what the agents kept while there was none, one agent after the other.</summary>
public sealed class CatchUpTests
{
    private const int Backlog = 500;
    private const long SecondNs = 1_000_000_000;

    [Fact]
    public void Backlogs_OfAJobThatRunsForLong_AreJoinedWhole()
    {
        JobJudge judge = HearBacklogs(ranks: 4, heard: 4, firstStep: 1_000);

        FrameCounters frames = judge.Status().Frames;
        frames.IncompleteFrames.Should().Be(0);
        frames.CompleteFrames.Should().Be(Backlog);
        judge.Status().LastStep.Should().Be(1_000 + Backlog - 1);
    }

    [Fact]
    public void Backlogs_OfAJobThatBegins_AreClosedAtTheHorizon() =>
        HearBacklogs(ranks: 4, heard: 4, firstStep: 0).Status().Frames.IncompleteFrames.Should().BePositive("nobody kept anything back there");

    [Fact]
    public void Backlogs_WithoutOneRank_AreJudgedWithoutItAfterAWhile()
    {
        JobJudge judge = HearBacklogs(ranks: 4, heard: 3, firstStep: 1_000);
        judge.Status().LastStep.Should().Be(-1, "rank 3 may still come");

        judge.LookForHangs(nowNs: SecondNs, pausedNs: 0);
        judge.LookForHangs(nowNs: 5 * SecondNs, pausedNs: 0);
        Judge(judge);
        judge.Status().LastStep.Should().Be(-1, "the five seconds are not over");
        judge.LookForHangs(nowNs: 6 * SecondNs, pausedNs: 0);
        Judge(judge);

        judge.Status().LastStep.Should().Be(1_000 + Backlog - 1 - new GuardianSection().HorizonSteps);
    }

    [Fact]
    public void Backlogs_ThatStillComeIn_AreWaitedFor()
    {
        (JobJudge judge, VirtualRanks job, List<StepTiming> backlog) = Begin(ranks: 4, heard: 2, firstStep: 1_000);
        judge.LookForHangs(nowNs: SecondNs, pausedNs: 0);
        for (int second = 2; second < 12; second++)
        {
            // Rank 2 goes on with forty steps a second, and rank 3 has not found the way yet.
            int from = 1_000 + (40 * (second - 2));
            Hear(judge, job, rank: 2, backlog.Where(record => record.Step >= from && record.Step < from + 40));
            judge.LookForHangs(nowNs: second * SecondNs, pausedNs: 0);
        }

        Judge(judge);
        judge.Status().LastStep.Should().Be(-1, "ten seconds are over, but the backlog moves on");
        Hear(judge, job, rank: 2, backlog.Where(record => record.Step >= 1_400));
        Hear(judge, job, rank: 3, backlog);

        judge.Status().LastStep.Should().Be(1_000 + Backlog - 1);
        judge.Status().Frames.IncompleteFrames.Should().Be(0);
    }

    [Fact]
    public void Backlogs_ThatNeverEnd_AreWaitedForHalfAMinute()
    {
        (JobJudge judge, VirtualRanks job, List<StepTiming> backlog) = Begin(ranks: 4, heard: 2, firstStep: 1_000);
        for (int second = 0; second <= 30; second++)
        {
            Judge(judge);
            judge.Status().LastStep.Should().Be(-1, $"{second} s of thirty are over");
            int step = 1_000 + second;
            Hear(judge, job, rank: 2, backlog.Where(record => record.Step == step));
            judge.LookForHangs(nowNs: second * SecondNs, pausedNs: 0);
        }

        Judge(judge);

        judge.Status().LastStep.Should().Be(1_000 + Backlog - 1 - new GuardianSection().HorizonSteps);
    }

    private static JobJudge HearBacklogs(int ranks, int heard, int firstStep) => Begin(ranks, heard, firstStep).Judge;

    private static void Hear(JobJudge judge, VirtualRanks job, int rank, IEnumerable<StepTiming> records)
    {
        judge.Enroll(job.Enrollment(rank)).Should().BeTrue();
        judge.Add(job.ReportOf(rank, records));
        Judge(judge);
    }

    private static (JobJudge Judge, VirtualRanks Job, List<StepTiming> Backlog) Begin(int ranks, int heard, int firstStep)
    {
        var job = new VirtualRanks(seed: 3, total: 4 * ranks, [.. Enumerable.Repeat(0.02, ranks)]);
        job.TakeSteps(firstStep);
        List<StepTiming> backlog = job.TakeSteps(Backlog);
        var judge = new JobJudge(job.Enrollment(0), new ModeSchedule(PolicyMode.Observe), new StragglerGuardOptions());
        for (int rank = 0; rank < heard; rank++)
        {
            Hear(judge, job, rank, backlog);
        }

        return (judge, job, backlog);
    }

    private static void Judge(JobJudge judge) => judge.JudgeFrames(null, decide => null);
}
