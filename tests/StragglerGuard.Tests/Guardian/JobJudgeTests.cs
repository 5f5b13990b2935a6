using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian;

public sealed class JobJudgeTests
{
    private const double Pace = 0.020;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Job_OfEqualRanksUnderMeasuredNoise_IsLeftAlone(bool emulatedPace)
    {
        for (int seed = 1; seed <= 20; seed++)
        {
            var ranks = new VirtualRanks(seed, total: 32, Paces(2 + (seed % 7)))
            {
                Noise = emulatedPace ? MeasuredNoise.Draw : MeasuredNoise.DrawReal,
            };
            JudgedJob job = new JudgedJob(ranks).RunTo(600);

            job.Decisions.Should().BeEmpty(job.Story());
            job.Judge.Status().Frames.CompleteFrames.Should().Be(600);
            job.Judge.Status().Verdicts.Should().BeEmpty();
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Rank_ThatIsSlowForAWhile_IsFoundRelievedAndTrustedAgain(int seed)
    {
        var ranks = new VirtualRanks(seed, total: 36, Paces(6)) { Factor = (rank, step) => rank == 1 && step is >= 150 and < 300 ? 2 : 1 };
        JudgedJob job = new JudgedJob(ranks).RunTo(300);

        var found = job.Decisions.OfType<StragglerFound>().Should().ContainSingle(job.Story()).Which;
        found.Verdict.Rank.Should().Be(new Rank(1));
        found.Verdict.RaisedAtStep.Should().BeInRange(150, 158, job.Story());
        found.Verdict.Slowdown.Should().BeApproximately(2, 0.05);
        job.Judge.Status().Ranks[1].Verdict.Should().Be(found.Verdict);
        var relief = job.Plans.First();
        relief.Step.Should().BeInRange(150, 170, job.Story());
        relief.Plan.Deal.Count(new Rank(1)).Should().Be(3, "half as fast, it gets half of what the others get");

        job.RunTo(420);

        job.Decisions.OfType<StragglerFound>().Should().ContainSingle(job.Story());
        var cleared = job.Decisions.OfType<StragglerCleared>().Should().ContainSingle(job.Story()).Which;
        cleared.Rank.Should().Be(new Rank(1));
        cleared.Step.Should().BeInRange(300, 315);
        job.Judge.Status().Ranks.Should().OnlyContain(rank => rank.Verdict == null);
        ranks.InForce.MicroBatches.ToArray().Should().OnlyContain(count => count == 6, $"the deal is even again ({job.Story()})");
    }

    [Fact]
    public void Changes_OfARankThatIsSlowForAWhile_AreItsOnsetAndItsRecovery()
    {
        var ranks = new VirtualRanks(seed: 7, total: 36, Paces(6)) { Factor = (rank, step) => rank == 1 && step is >= 150 and < 300 ? 2 : 1 };
        JobStatus status = new JudgedJob(ranks).RunTo(420).Judge.Status();

        status.Changes.Should().HaveCount(2);
        status.Changes.Should().OnlyContain(change => change.Rank == new Rank(1));
        status.Changes[0].Step.Should().BeInRange(148, 152);
        status.Changes[0].Ratio.Should().BeApproximately(2, 0.05);
        status.Changes[1].Step.Should().BeInRange(298, 304);
        status.Changes[1].Ratio.Should().BeApproximately(0.5, 0.05);
        Verdict verdict = status.Verdicts.Should().ContainSingle().Which;
        verdict.Confidence.Should().BeGreaterThan(0.95);
        verdict.Culprit.Rank.Should().Be(new Rank(1));
        verdict.Evidence.Peers.Should().HaveCount(5);
    }

    [Fact]
    public void Job_ThatStops_IsSaidToHangUnlessTheGuardianWasAwayItself()
    {
        const long Second = 1_000_000_000;
        foreach (bool wasAway in new[] { false, true })
        {
            var ranks = new VirtualRanks(seed: 8, total: 16, Paces(4));
            var job = new JudgedJob(ranks);
            long nowNs = 0;
            for (int step = 3; step <= 60; step += 3)
            {
                job.RunTo(step);
                nowNs += Second;
                job.Judge.LookForHangs(nowNs, pausedNs: 0);
            }

            job.Judge.LookForHangs(nowNs + (60 * Second), pausedNs: wasAway ? 60 * Second : 0);
            Verdict verdict = job.Judge.Status().Verdicts.Should().ContainSingle().Which;
            verdict.Kind.Should().Be(wasAway ? VerdictKind.ObserverUnwell : VerdictKind.Hang);
            verdict.Rank.Should().BeNull();
        }
    }

    [Fact]
    public void Ranks_OfUnequalPace_AreDealtTheOptimumAndThePlanIsGraded()
    {
        var ranks = new VirtualRanks(seed: 11, total: 32, 0.020, 0.020, 0.016, 0.010);
        JudgedJob job = new JudgedJob(ranks).RunTo(200);

        var plan = job.Plans.Should().ContainSingle(job.Story()).Which;
        plan.Step.Should().BeLessThan(40);
        // In 120 ms the ranks do 6 + 6 + 7 + 12 = 31 units, in 128 ms 6 + 6 + 8 + 12 = 32: that is the optimum.
        ranks.InForce.MicroBatches.ToArray().Zip([0.020, 0.020, 0.016, 0.010]).Max(pair => pair.First * pair.Second)
            .Should().BeApproximately(0.128, 1e-9);
        var graded = job.Judge.Status().Plans.Single();
        graded.EffectiveStep.Should().BeInRange(plan.Step + 1, plan.Step + 8);
        graded.RealisedStepSeconds.Should().BeApproximately(graded.PredictedStepSeconds, 0.02 * graded.PredictedStepSeconds);
        job.Judge.EpochInForce.Should().Be(plan.Plan.Epoch);
        job.Judge.Status().Verdicts.Should().BeEmpty("none of them became slower than it was");
    }

    [Fact]
    public void Ranks_ThatAllBecomeSlowAlike_AreNotAccused()
    {
        var ranks = new VirtualRanks(seed: 4, total: 36, Paces(6)) { Factor = (_, step) => step >= 100 ? 1.6 : 1 };
        JudgedJob job = new JudgedJob(ranks).RunTo(250);

        job.Decisions.Should().ContainSingle(job.Story()).Which.Should().BeOfType<CommonShiftSeen>();
    }

    [Fact]
    public void Rank_ThatBecomesFaster_IsNotFlagged()
    {
        var ranks = new VirtualRanks(seed: 5, total: 36, Paces(6)) { Factor = (rank, step) => rank == 2 && step >= 100 ? 0.6 : 1 };
        JudgedJob job = new JudgedJob(ranks).RunTo(250);

        job.Decisions.Should().NotContain(decision => decision is StragglerFound || decision is CommonShiftSeen, job.Story());
    }

    [Fact]
    public void Mode_ObserveUntilAStepAndActFromThere_PlansFromThereOnly()
    {
        var ranks = new VirtualRanks(seed: 6, total: 32, 0.020, 0.010, 0.020, 0.020);
        var job = new JudgedJob(ranks, PolicyMode.Observe);
        job.Modes.Set(PolicyMode.Act, fromStep: 120);

        job.RunTo(120);
        job.Decisions.Should().BeEmpty(job.Story());
        job.Judge.Status().Mode.Should().Be(PolicyMode.Observe);
        job.RunTo(160);

        job.Plans.Should().NotBeEmpty();
        job.Plans.First().Step.Should().Be(120, "the evidence was there; the leave to act was not");
        job.Judge.Status().Mode.Should().Be(PolicyMode.Act);
    }

    [Fact]
    public void Mode_Advise_SaysWhatItWouldDoOnceAndOffersNothing()
    {
        var ranks = new VirtualRanks(seed: 7, total: 32, 0.020, 0.010, 0.020, 0.020) { Noise = _ => 1 };
        JudgedJob job = new JudgedJob(ranks, PolicyMode.Advise).RunTo(150);

        var advice = job.Decisions.Should().ContainSingle(job.Story()).Which.Should().BeOfType<MitigationAdvised>().Which;
        advice.Shares.Sum().Should().Be(32);
        advice.Shares[1].Should().BeGreaterThan(10);
        job.Judge.Status().PlansDecided.Should().Be(0);
    }

    [Fact]
    public void Guardian_ThatDistrustsItself_HoldsUntilItIsWell()
    {
        var ranks = new VirtualRanks(seed: 8, total: 32, 0.020, 0.010, 0.020, 0.020);
        var job = new JudgedJob(ranks) { Complaint = "the guardian itself was paused for 9.0 s" };

        job.RunTo(90);
        job.Decisions.Should().BeEmpty(job.Story());
        job.Judge.Status().PolicyReason.Should().Contain("paused for 9.0 s");

        job.Complaint = null;
        job.RunTo(93);
        job.Plans.Should().ContainSingle(job.Story());
    }

    /// <summary>Records get lost, come twice, or come when their step is long judged: all counted, and the slow rank is found.</summary>
    [Fact]
    public void Records_MissingLateAndDuplicate_AreCountedAndTheJobIsStillJudged()
    {
        const int Seed = 9;
        var random = new Random(Seed);
        var ranks = new VirtualRanks(Seed, total: 30, Paces(5)) { Factor = (rank, step) => rank == 3 && step >= 200 ? 1.5 : 1 };
        var held = new List<StepTiming>();
        long lost = 0;
        long duplicates = 0;
        long late = 0;
        var job = new JudgedJob(ranks)
        {
            Network = records =>
            {
                var arrived = new List<StepTiming>();
                foreach (StepTiming record in records)
                {
                    int fate = record.Kind == TimingKind.Step ? random.Next(100) : 99;
                    if (fate < 3)
                    {
                        lost++;
                        continue;
                    }

                    if (fate < 5)
                    {
                        held.Add(record);
                        continue;
                    }

                    arrived.Add(record);
                    if (fate < 9)
                    {
                        duplicates++;
                        arrived.Add(record);
                    }
                }

                var overdue = held.Where(record => record.Step < ranks.NextStep - 100).ToList();
                late += overdue.Count;
                held.RemoveAll(overdue.Contains);
                arrived.AddRange(overdue);
                return arrived;
            },
        };

        job.RunTo(400);

        var status = job.Judge.Status();
        lost.Should().BeGreaterThan(20);
        late.Should().BeGreaterThan(10);
        status.Frames.Duplicates.Should().Be(duplicates);
        status.Frames.Late.Should().Be(late);
        status.Frames.Accepted.Should().Be((400 * 5) - lost - late - held.Count);
        status.Frames.IncompleteFrames.Should().BeGreaterThan(20);
        status.LastStep.Should().BeGreaterThan(395);
        var found = job.Decisions.OfType<StragglerFound>().Should().ContainSingle(job.Story()).Which.Verdict;
        found.Rank.Should().Be(new Rank(3));
        found.RaisedAtStep.Should().BeInRange(200, 215);
        job.Plans.Should().NotBeEmpty(job.Story());
    }

    [Fact]
    public void Number_EqualToTheEpochInForceModulo256_IsGivenUp()
    {
        var ledger = new InMemoryLedger();
        for (int sequence = 1; sequence <= 255; sequence++)
        {
            ledger.Append(sequence, DateTimeOffset.UnixEpoch, new CommonShiftSeen(new JobId("another job"), new Generation(0), sequence, "another job's"));
        }

        var ranks = new VirtualRanks(seed: 12, total: 32, 0.020, 0.010, 0.020, 0.020);
        JudgedJob job = new JudgedJob(ranks, ledger: ledger).RunTo(60);

        ledger.Read(256).Select(entry => entry.Decision.GetType()).Should().StartWith([typeof(NumberSkipped), typeof(PlanDecided)]);
        job.Plans.Single().Plan.Epoch.Should().Be(new PlanEpoch(257));
        job.Judge.EpochInForce.Should().Be(new PlanEpoch(257));
    }

    [Fact]
    public void Report_OfMoreStepsThanTheHorizon_LosesNothing()
    {
        var ranks = new VirtualRanks(seed: 13, total: 32, Paces(4));
        var job = new JudgedJob(ranks) { StepsPerReport = 200 };

        job.RunTo(200);

        job.Judge.Status().Frames.Should().Match<FrameCounters>(
            frames => frames.CompleteFrames == 200 && frames.Missing == 0 && frames.Late == 0);
    }

    [Fact]
    public void Ranks_ThatHaveAllLeft_EndTheJobWithEveryStepJudged()
    {
        var ranks = new VirtualRanks(seed: 14, total: 32, Paces(4));
        var job = new JudgedJob(ranks);
        job.RunTo(30);
        // Of the last step one record never comes: only the end closes its frame.
        job.Hear([.. ranks.TakeStep().Skip(1)]);
        job.Judge.Status().LastStep.Should().Be(29);
        for (int rank = 0; rank < 4; rank++)
        {
            job.Judge.HasEnded.Should().BeFalse($"rank {rank} is still there");
            job.Judge.Add(ranks.ReportOf(rank, [], left: true));
            job.Judge.Add(ranks.ReportOf(rank, [], left: true));
        }

        job.Judge.JudgeFrames(null, job.Commit);

        job.Judge.HasEnded.Should().BeTrue();
        job.Judge.Status().LastStep.Should().Be(30);
    }

    [Fact]
    public void Job_OfOneRank_IsJudgedAndNeverDealtAnew()
    {
        var ranks = new VirtualRanks(seed: 15, total: 4, Pace) { Factor = (_, step) => step >= 100 ? 2 : 1 };
        JudgedJob job = new JudgedJob(ranks).RunTo(200);

        job.Plans.Should().BeEmpty(job.Story());
        job.Judge.Status().LastStep.Should().Be(199);
    }

    [Fact]
    public void Status_BeforeAnythingIsKnown_SaysUnknownAndNotZero()
    {
        var judge = new JobJudge(
            new VirtualRanks(seed: 1, total: 8, Paces(4)).Enrollment(2), new ModeSchedule(PolicyMode.Observe), new StragglerGuardOptions());

        JobStatus status = judge.Status();

        status.LastStep.Should().Be(-1);
        status.StepSeconds.Should().BeNull();
        status.OverheadSeconds.Should().BeNull();
        status.ExitSkewSeconds.Should().BeNull();
        status.TransferSeconds.Should().BeNull();
        status.PredictedGain.Should().BeNull();
        var rank = status.Ranks.Should().ContainSingle().Which;
        rank.Rank.Should().Be(new Rank(2));
        rank.SecondsPerMicroBatch.Should().BeNull();
        rank.LagP50Seconds.Should().BeNull();
        rank.LastShare.Should().BeNull();
        rank.Slowdown.Should().BeNull();
    }

    [Theory]
    [InlineData(5, 8)]
    [InlineData(4, 9)]
    public void Enroll_WithAnotherShapeThanTheJob_IsRefused(int worldSize, int total)
    {
        var judge = new JobJudge(
            new VirtualRanks(seed: 1, total: 8, Paces(4)).Enrollment(0), new ModeSchedule(PolicyMode.Observe), new StragglerGuardOptions());

        judge.Enroll(new VirtualRanks(seed: 1, total, Paces(worldSize)).Enrollment(1)).Should().BeFalse();
    }

    private static double[] Paces(int ranks) => [.. Enumerable.Repeat(Pace, ranks)];
}
