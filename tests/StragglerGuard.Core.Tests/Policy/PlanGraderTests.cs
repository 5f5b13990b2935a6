using StragglerGuard.Core.Policy;

namespace StragglerGuard.Core.Tests.Policy;

public sealed class PlanGraderTests
{
    private static readonly PlanEpoch Epoch = new(7);

    [Fact]
    public void Observe_PlanKeepsItsPromise_HoldsForEverySeed()
    {
        foreach (var noise in new[] { 0.0, 0.01, 0.05 })
        {
            for (var seed = 0; seed < 150; seed++)
            {
                var job = new GradedJob(noise, seed);
                job.Run(40, secondsPerUnit: 1.7);

                var grade = job.Switch(MitigationKind.Rebalance, 0.35).Run(30, secondsPerUnit: 1.1);

                grade!.Verdict.Should().Be(GradeVerdict.Holds, $"seed {seed}, noise {noise}: {grade.Reason}");
                grade.IsRolledBack.Should().BeFalse();
                grade.KindRests.Should().BeFalse();
                grade.Frames.Should().Be(16);
                grade.RealisedGain.Should().BeApproximately(1 - (1.1 / 1.7), 0.002 + (2 * noise), $"seed {seed}, noise {noise}");
            }
        }
    }

    [Fact]
    public void Observe_PlanMakesItSlower_IsRolledBackBeforeAllFramesAreIn()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var job = new GradedJob(noise: 0.01, seed);
            job.Run(40, secondsPerUnit: 1.0);

            var grade = job.Switch(MitigationKind.Rebalance, 0.10).Run(30, secondsPerUnit: 1.2);

            grade!.Verdict.Should().Be(GradeVerdict.Slower, $"seed {seed}");
            grade.IsRolledBack.Should().BeTrue();
            grade.KindRests.Should().BeTrue();
            grade.Frames.Should().Be(8, $"seed {seed}");
            grade.Reason.Should().StartWith("rebalance of epoch 7: -").And.Contain("10.0 % predicted (before against after)")
                .And.EndWith("slower by more than 4.5 standard errors, so it is rolled back");
        }
    }

    [Fact]
    public void Observe_NoDifferenceWithinTheNoise_IsNotCalledSlower()
    {
        const int Jobs = 1_000;
        var slower = 0;
        for (var seed = 0; seed < Jobs; seed++)
        {
            var job = new GradedJob(noise: 0.03, seed);
            job.Run(40, secondsPerUnit: 1.0);
            slower += job.Switch(MitigationKind.Rebalance, 0).Run(30, secondsPerUnit: 1.0)!.Verdict == GradeVerdict.Slower ? 1 : 0;
        }

        // One in a thousand by the normal law; frames are few, so the estimated errors are rough.
        slower.Should().BeLessThanOrEqualTo(Jobs / 50, "seeds 0 … 999");
    }

    [Fact]
    public void Observe_WorkGrowsForAllAtTheSwitch_IsNoFaultOfThePlanWhereFramesAreReckoned()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var job = new GradedJob(noise: 0.01, seed);
            job.Run(40, secondsPerUnit: 1.7, reckoned: 1.7);

            // Sequences become twice as long: the plan takes 2.2 where the former one would have taken 3.4.
            var grade = job.Switch(MitigationKind.Rebalance, 0.35).Run(30, secondsPerUnit: 2.2, reckoned: 3.4);

            grade!.Verdict.Should().Be(GradeVerdict.Holds, $"seed {seed}: {grade.Reason}");
            grade.RealisedGain.Should().BeApproximately(1 - (2.2 / 3.4), 0.02);
            grade.Reason.Should().Contain("against the former plan reckoned on the same frames").And.EndWith("it stays");
        }
    }

    [Fact]
    public void Observe_WorkShrinksForAllAtTheSwitch_DoesNotHideASlowPlan()
    {
        var job = new GradedJob(noise: 0.01, seed: 1);
        job.Run(40, secondsPerUnit: 2.0, reckoned: 2.0);

        var grade = job.Switch(MitigationKind.Rebalance, 0.1).Run(30, secondsPerUnit: 1.2, reckoned: 1.0);

        grade!.Verdict.Should().Be(GradeVerdict.Slower);
        grade.RealisedGain.Should().BeApproximately(-0.2, 0.02);
    }

    [Fact]
    public void Observe_ReckoningLeavesATransferOut_IsSetRightByTheFramesBefore()
    {
        var job = new GradedJob(noise: 0.005, seed: 2);
        job.Run(40, secondsPerUnit: 1.3, reckoned: 1.0);

        var grade = job.Switch(MitigationKind.Rebalance, 0.2).Run(30, secondsPerUnit: 1.04, reckoned: 1.0);

        grade!.RealisedGain.Should().BeApproximately(0.2, 0.01, "taken at its word the reckoning would make it a loss of 4 %");
        grade.Verdict.Should().Be(GradeVerdict.Holds);
    }

    [Fact]
    public void Observe_NoFramesBeforeTheSwitch_TakesTheReckoningAtItsWord()
    {
        var grade = new GradedJob(noise: 0.005, seed: 3).Switch(MitigationKind.Evict, 0.2).Run(30, secondsPerUnit: 0.8, reckoned: 1.0);

        grade!.RealisedGain.Should().BeApproximately(0.2, 0.01);
        grade.Verdict.Should().Be(GradeVerdict.Holds);
    }

    [Fact]
    public void Observe_JobWasFasterBeforeItsStraggler_ComparesOnlySinceTheOnset()
    {
        var job = new GradedJob(noise: 0.005, seed: 4);
        job.Run(40, secondsPerUnit: 1.0);
        var onset = job.NextStep;
        job.Run(10, secondsPerUnit: 1.7);

        var grade = job.Switch(MitigationKind.Rebalance, 0.3, onset).Run(30, secondsPerUnit: 1.1);

        grade!.Verdict.Should().Be(GradeVerdict.Holds);
        grade.RealisedGain.Should().BeApproximately(1 - (1.1 / 1.7), 0.02);
    }

    [Fact]
    public void Observe_TooFewFramesSinceTheOnset_CannotTellAndRollsNothingBack()
    {
        var job = new GradedJob(noise: 0.005, seed: 5);
        job.Run(40, secondsPerUnit: 1.0);
        var onset = job.NextStep;
        job.Run(5, secondsPerUnit: 1.7);

        var grade = job.Switch(MitigationKind.Rebalance, 0.3, onset).Run(30, secondsPerUnit: 1.1);

        grade!.Verdict.Should().Be(GradeVerdict.Unknown);
        grade.IsRolledBack.Should().BeFalse();
        grade.RealisedGain.Should().Be(double.NaN);
        grade.Reason.Should().Be(
            "rebalance of epoch 7 can't be graded: there are fewer than 8 frames to compare with: neither reckoned nor since the onset");
    }

    [Fact]
    public void Observe_HardlyAGain_FallsShortAndIsRolledBack()
    {
        var job = new GradedJob(noise: 0.005, seed: 6);
        job.Run(40, secondsPerUnit: 1.0);

        var grade = job.Switch(MitigationKind.Backup, 0.3).Run(90, secondsPerUnit: 0.985);

        grade!.Verdict.Should().Be(GradeVerdict.FallsShort);
        grade.IsRolledBack.Should().BeTrue();
        grade.KindRests.Should().BeTrue();
        grade.Frames.Should().Be(64);
        grade.Reason.Should().EndWith("less than 50 % of what was predicted, so it is rolled back");
    }

    [Fact]
    public void Observe_LessThanPromisedButSurelyAGain_StaysAndItsKindRests()
    {
        var job = new GradedJob(noise: 0.005, seed: 7);
        job.Run(40, secondsPerUnit: 1.0);

        var grade = job.Switch(MitigationKind.Rebalance, 0.4).Run(30, secondsPerUnit: 0.9);

        grade!.Verdict.Should().Be(GradeVerdict.FallsShort);
        grade.IsRolledBack.Should().BeFalse();
        grade.KindRests.Should().BeTrue();
        grade.Reason.Should().EndWith("less than 50 % of what was predicted, but a gain: it stays, and its kind rests");
    }

    [Fact]
    public void Observe_ReturnThatWasPredictedToLoseALittle_HoldsWhenItLosesThat()
    {
        var job = new GradedJob(noise: 0.001, seed: 8);
        job.Run(40, secondsPerUnit: 1.0);

        job.Switch(MitigationKind.Rebalance, -0.008).Run(30, secondsPerUnit: 1.006)!.Verdict.Should().Be(GradeVerdict.Holds);
    }

    [Fact]
    public void Observe_BackupAgainstRareStalls_CountsTheStallsThatAMedianWouldNotSee()
    {
        const int Seed = 71;
        var random = new Random(Seed);
        var grader = new PlanGrader(new MitigationOptions());
        var before = 0.0;
        for (var step = 0; step < 64; step++)
        {
            // A fifth of the steps takes five times as long; the median step doesn't.
            var seconds = random.NextDouble() < 0.2 ? 5.0 : 1.0;
            before += seconds;
            grader.Observe(new GradingFrame(step, seconds, 8, double.NaN));
        }

        grader.Begin(Epoch, MitigationKind.Backup, 0.3, fromStep: 64, onsetStep: 0).Should().BeNull();
        PlanGrade? grade = null;
        for (var step = 64; grade is null; step++)
        {
            // One of eight is not waited for, and its work is lost.
            grade = grader.Observe(new GradingFrame(step, 1.0, 7, double.NaN));
        }

        grade.Verdict.Should().Be(GradeVerdict.Holds, $"seed {Seed}: {grade.Reason}");
        grade.RealisedGain.Should().BeApproximately(1 - (8.0 / 7 / (before / 64)), 1e-9, $"seed {Seed}");
    }

    [Fact]
    public void Observe_StallsGoOnUnderABackupPlan_IsGivenMoreFramesAndDoesNotHold()
    {
        var held = 0;
        var slow = 0;
        for (var seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            var grader = new PlanGrader(new MitigationOptions());
            double Stalling() => random.NextDouble() < 0.05 ? 3.0 : 1.0;
            for (var step = 0; step < 300; step++)
            {
                grader.Observe(new GradingFrame(step, Stalling(), 8, double.NaN));
            }

            // It throws an eighth away and spares nothing.
            grader.Begin(Epoch, MitigationKind.Backup, 0.2, fromStep: 300, onsetStep: 0);
            PlanGrade? grade = null;
            for (var step = 300; grade is null; step++)
            {
                grade = grader.Observe(new GradingFrame(step, Stalling(), 7, double.NaN));
            }

            grade.Frames.Should().BeInRange(8, 256, $"seed {seed}");
            held += grade.Verdict == GradeVerdict.Holds ? 1 : 0;
            slow += grade.IsRolledBack ? 1 : 0;
        }

        held.Should().Be(0, "seeds 0 … 99");
        slow.Should().BeGreaterThan(95, "seeds 0 … 99");
    }

    [Fact]
    public void Observe_DeadlineUnderWhichNothingGetsDone_IsSlower()
    {
        var grader = new PlanGrader(new MitigationOptions());
        for (var step = 0; step < 64; step++)
        {
            grader.Observe(new GradingFrame(step, 1, 8, double.NaN));
        }

        grader.Begin(Epoch, MitigationKind.Deadline, 0.3, fromStep: 64, onsetStep: 0);
        PlanGrade? grade = null;
        for (var step = 64; grade is null; step++)
        {
            grade = grader.Observe(new GradingFrame(step, 0.2, 0, double.NaN));
        }

        grade.Verdict.Should().Be(GradeVerdict.Slower);
        grade.RealisedGain.Should().Be(double.NegativeInfinity);
        grade.Frames.Should().Be(8);
    }

    [Fact]
    public void Observe_FramesIncomplete_AreWaitedOutAndThenGivenUp()
    {
        var job = new GradedJob(noise: 0.005, seed: 9);
        job.Run(40, secondsPerUnit: 1.0);

        var grade = job.Switch(MitigationKind.Rebalance, 0.2).Run(100, secondsPerUnit: double.NaN);

        grade!.Verdict.Should().Be(GradeVerdict.Unknown);
        grade.Reason.Should().Be("rebalance of epoch 7 can't be graded: only 0 of 66 frames since the switch were complete");
        job.Grader.Grading.Should().BeNull();
    }

    [Fact]
    public void Observe_LateOrSettlingFrames_AreLeftOut()
    {
        var job = new GradedJob(noise: 0, seed: 10);
        job.Run(40, secondsPerUnit: 1.0);
        job.Switch(MitigationKind.Rebalance, 0.2);

        job.Run(2, secondsPerUnit: 99).Should().BeNull();
        job.Grader.Observe(new GradingFrame(41, 99, 1, double.NaN)).Should().BeNull("step 41 was there before");
        var grade = job.Run(16, secondsPerUnit: 0.8);

        grade!.RealisedGain.Should().BeApproximately(0.2, 1e-9);
        grade.Frames.Should().Be(16);
    }

    [Fact]
    public void Begin_WhileAnotherIsGraded_SaysThatThatOneCannotBe()
    {
        var job = new GradedJob(noise: 0, seed: 11);
        job.Run(40, secondsPerUnit: 1.0);
        job.Switch(MitigationKind.Rebalance, 0.2).Run(15, secondsPerUnit: 0.8);

        var superseded = job.Grader.Begin(new PlanEpoch(8), MitigationKind.Evict, 0.1, job.NextStep, 0);

        superseded!.Epoch.Should().Be(Epoch);
        superseded.Verdict.Should().Be(GradeVerdict.Unknown);
        superseded.Reason.Should().Be("rebalance of epoch 7 can't be graded: the plan of epoch 8 took its place");
        job.Grader.Grading.Should().Be(new PlanEpoch(8));

        // The frames under the first plan are what the second is measured by.
        job.Run(30, secondsPerUnit: 0.72)!.RealisedGain.Should().BeGreaterThan(0.09);
    }

    [Fact]
    public void Begin_FramesOfThePlanAlreadySeen_AreNotTakenForTheTimeBefore()
    {
        var job = new GradedJob(noise: 0, seed: 12);
        job.Run(40, secondsPerUnit: 1.0);
        var from = job.NextStep;
        job.Run(40, secondsPerUnit: 0.8);

        job.Grader.Begin(Epoch, MitigationKind.Rebalance, 0.2, from, 0);

        job.Run(18, secondsPerUnit: 0.8)!.RealisedGain.Should().BeApproximately(0.2, 1e-9);
    }

    [Fact]
    public void Forget_WhileGrading_EndsItWithoutAGrade()
    {
        var job = new GradedJob(noise: 0, seed: 13);
        job.Run(40, secondsPerUnit: 1.0);
        job.Switch(MitigationKind.Rebalance, 0.2);

        job.Grader.Forget();

        job.Grader.Grading.Should().BeNull();
        job.Run(90, secondsPerUnit: 2.0).Should().BeNull();
    }

    [Fact]
    public void Begin_NonsensicalPlan_Throws()
    {
        var grader = new PlanGrader(new MitigationOptions());

        FluentActions.Invoking(() => grader.Begin(Epoch, MitigationKind.None, 0.1, 0, 0)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => grader.Begin(Epoch, MitigationKind.Evict, 1, 0, 0)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => grader.Begin(Epoch, MitigationKind.Evict, double.NaN, 0, 0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Observe_WhileNothingIsDecided_AllocatesNothing()
    {
        var warm = new GradedJob(noise: 0, seed: 14);
        warm.Run(80, secondsPerUnit: 1.0, reckoned: 1.0);
        warm.Switch(MitigationKind.Deadline, 0.2).Run(60, secondsPerUnit: 0.8, reckoned: 1.0);
        var grader = new PlanGrader(new MitigationOptions());
        for (var step = 0; step < 80; step++)
        {
            grader.Observe(new GradingFrame(step, 1, 1, 1));
        }

        grader.Begin(Epoch, MitigationKind.Deadline, 0.2, 80, 0);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var grades = 0;
        for (var step = 80; step < 140; step++)
        {
            grades += grader.Observe(new GradingFrame(step, 0.8, 1, 1)) is null ? 0 : 1;
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
        grades.Should().Be(0);
    }

    /// <summary>Feeds a grader frames of a job whose steps vary.</summary>
    private sealed class GradedJob(double noise, int seed)
    {
        private readonly Random _random = new(seed);

        public PlanGrader Grader { get; } = new(new MitigationOptions());

        public long NextStep { get; private set; }

        public GradedJob Switch(MitigationKind kind, double predictedGain, long onsetStep = 0)
        {
            Grader.Begin(Epoch, kind, predictedGain, NextStep, onsetStep).Should().BeNull();
            return this;
        }

        /// <summary>The first grade that comes of these steps, or null. Steps of 32 units.</summary>
        public PlanGrade? Run(int steps, double secondsPerUnit, double reckoned = double.NaN)
        {
            PlanGrade? first = null;
            for (var i = 0; i < steps; i++)
            {
                var sum = -6.0;
                for (var k = 0; k < 12; k++)
                {
                    sum += _random.NextDouble();
                }

                var seconds = 32 * secondsPerUnit * Math.Max(0.1, 1 + (noise * sum));
                var grade = Grader.Observe(new GradingFrame(NextStep++, seconds, 32, reckoned));
                first ??= grade;
            }

            return first;
        }
    }
}
