using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Replay;

namespace StragglerGuard.Tests.Replay;

public sealed class JobReplayTests
{
    private const int Seed = 3;

    [Fact]
    public void Run_WhenOneRankSlowsDown_AccusesItAloneAndSeesItRecover()
    {
        ReplayResult result = JobReplay.Run(RecordedText.JobOf(RecordedText.Job(6, 240, Seed, (step, rank) => rank == 4 && step is >= 100 and < 160 ? 1.5 : 1)));
        ReplayedVerdict verdict = result.Verdicts.Should().ContainSingle($"seed {Seed}").Subject;
        verdict.Rank.Should().Be(4);
        verdict.Kind.Should().Be(VerdictKind.PersistentSlowness);
        verdict.Step.Should().BeInRange(98, 102);
        verdict.RaisedAtStep.Should().BeInRange(verdict.Step, 112);
        verdict.Slowdown.Should().BeApproximately(1.5, 0.1);
        verdict.Cause.Should().Be(Cause.Compute);
        verdict.Confidence.Should().BeGreaterThan(0.9);
        result.Changes.Select(change => change.Rank).Should().Equal(4, 4);
        result.Changes[0].Ratio.Should().BeApproximately(1.5, 0.1);
        result.Changes[1].Step.Should().BeInRange(158, 168);
        result.Changes[1].Ratio.Should().BeApproximately(1 / 1.5, 0.1);
        result.Summary.Should().Contain("rank 4");
    }

    [Fact]
    public void Run_WhenNobodyIsSlow_SaysNothing()
    {
        ReplayResult result = JobReplay.Run(RecordedText.JobOf(RecordedText.Job(6, 300, Seed, (_, _) => 1)));
        result.Verdicts.Should().BeEmpty();
        result.Changes.Should().BeEmpty();
        result.Summary.Should().Contain("No rank is called slow");
    }

    [Fact]
    public void Run_WhenRanksAreNumberedWithGaps_NamesThemAsTheRecordingDoes()
    {
        string text = RecordedText.Job(6, 200, Seed, (step, rank) => rank == 4 && step >= 100 ? 1.5 : 1);
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        IEnumerable<string> spread = lines.Skip(1).Select(line => line.Split(',')).Select(fields => $"{fields[0]},{10 * int.Parse(fields[1])},{fields[2]},{fields[3]}");
        ReplayResult result = JobReplay.Run(RecordedText.JobOf($"{RecordedText.Header}\n{string.Join('\n', spread)}\n"));
        ReplayedVerdict verdict = result.Verdicts.Should().ContainSingle().Subject;
        verdict.Rank.Should().Be(40);
        verdict.Reason.Should().Contain("rank 40").And.NotContain("rank 4 ");
    }

    [Fact]
    public void Run_OnALogOfTheJob_ReportsChangesAndAccusesNoRank()
    {
        string log = RecordedText.Log(300, Seed, i => i is >= 100 and < 200 ? 1900 : 1400);
        ReplayResult result = JobReplay.Run(RecordedText.JobOf(log));
        result.Verdicts.Should().OnlyContain(verdict => verdict.Rank == null);
        result.Changes.Should().HaveCount(2).And.OnlyContain(change => change.Rank == null);
        result.Changes[0].Step.Should().BeInRange(99, 101);
        result.Changes[0].Ratio.Should().BeApproximately(1900.0 / 1400, 0.02);
        result.Changes[1].Step.Should().BeInRange(199, 201);
        result.Changes[1].Ratio.Should().BeApproximately(1400.0 / 1900, 0.02);
    }

    [Fact]
    public void Run_OnTheRecordsOfALiveJob_SaysWhatTheLiveGuardSaid()
    {
        RecordedJob job = RecordedText.JobOf(RecordedText.Job(6, 240, Seed, (step, rank) => rank == 1 && step is >= 100 and < 160 ? 1.5 : 1));
        ReplayResult replayed = JobReplay.Run(job);

        // As agents report: every rank's records of sixteen steps at a time, on a clock of its own, and probes now and then.
        RankEnrollment[] ranks = [.. Enumerable.Range(0, 6).Select(rank => new RankEnrollment(
            new JobId("live"), new Generation(0), new Rank(rank), 6, new WorkerId(new NodeId("n"), $"{rank}"), new DeviceClass("device"), 0, 48, 1, 48))];
        var live = new JobJudge(ranks[0], new ModeSchedule(PolicyMode.Observe), new StragglerGuardOptions());
        foreach (RankEnrollment rank in ranks)
        {
            live.Enroll(rank);
        }

        var clockNs = new long[6];
        for (int first = 0; first < 240; first += 16)
        {
            foreach (RankEnrollment rank in ranks)
            {
                var timings = new List<StepTiming>();
                foreach (RecordedStep record in job.Records.ToArray().Where(record => record.Rank == rank.Rank.Value && record.Step >= first && record.Step < first + 16))
                {
                    long startNs = clockNs[record.Rank] + (record.Rank * 1_000_000_000L);
                    clockNs[record.Rank] += record.ComputeNs + record.CollectiveNs;
                    timings.Add(new StepTiming
                    {
                        Step = record.Step,
                        Rank = rank.Rank,
                        StartNs = startNs,
                        ComputeNs = record.ComputeNs,
                        ArrivalNs = startNs + record.ComputeNs,
                        DepartureNs = startNs + record.ComputeNs + record.CollectiveNs,
                        WorkUnits = 8,
                        Weight = 8,
                    });
                }

                timings.Add(new StepTiming { Kind = TimingKind.SkewProbe, Step = first, Rank = rank.Rank, DepartureNs = rank.Rank.Value == 0 ? 10_000 : 0 });
                live.Add(new RankReport(rank, timings.ToArray(), 0, 0, 0, Left: first + 16 >= 240));
            }

            live.JudgeFrames(null, decide => decide(1) is { } decision ? new LedgerEntry(1, DateTimeOffset.UnixEpoch, decision) : null);
        }

        JobStatus status = live.Status();
        replayed.Verdicts.Select(verdict => (verdict.Rank, verdict.Step, verdict.RaisedAtStep, verdict.Kind, verdict.Slowdown))
            .Should().Equal(status.Verdicts.Select(verdict => (verdict.Rank?.Value, verdict.OnsetStep, verdict.RaisedAtStep, verdict.Kind, verdict.Slowdown)))
            .And.NotBeEmpty();
        replayed.Changes.Select(change => (change.Rank, change.Step, change.RaisedAtStep, change.Ratio))
            .Should().Equal(status.Changes.Select(change => (change.Rank?.Value, change.Step, change.RaisedAtStep, change.Ratio)));
    }

    [Fact]
    public void Run_WithTimesOfDays_DoesNotOverflow()
    {
        string text = RecordedText.Header + "\n" + string.Join('\n', Enumerable.Range(0, 60).Select(step => $"{step},0,1000000,1000000\n{step},1,1000000,1000000")) + "\n";
        JobReplay.Run(RecordedText.JobOf(text)).Status.LastStep.Should().Be(59);
    }

    [Fact]
    public void Run_WithUnequalMicroBatches_JudgesTimePerUnit()
    {
        // Rank 0 does three times the work in three times the time: busy, not slow.
        var text = new System.Text.StringBuilder(RecordedText.Header + ",micro_batches\n");
        var random = new Random(Seed);
        for (int step = 0; step < 120; step++)
        {
            for (int rank = 0; rank < 5; rank++)
            {
                int units = rank == 0 ? 12 : 4;
                text.Append(FormattableString.Invariant($"{step},{rank},{units * 0.01 * (0.98 + (0.04 * random.NextDouble())):0.000000},0.002,{units}\n"));
            }
        }

        RecordedJob job = RecordedText.JobOf(text.ToString());
        job.HasMicroBatches.Should().BeTrue();
        JobReplay.Run(job).Verdicts.Should().BeEmpty($"seed {Seed}");
    }

    [Fact]
    public void Skew_OfRecordsThatAddUp_IsTheFloor()
    {
        RecordedJob job = RecordedText.JobOf(RecordedText.Job(4, 32, Seed, (_, rank) => 1 + (0.1 * rank)));
        JobReplay.Run(job).Status.ExitSkewSeconds.Should().Be(RecordedSkew.FloorNs * 1e-9);
    }
}
