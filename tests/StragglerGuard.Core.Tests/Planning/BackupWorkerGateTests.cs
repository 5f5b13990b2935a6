using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class BackupWorkerGateTests
{
    private const int Seed = 7;

    [Fact]
    public void Judge_WhenOneOfManyIsLateByChance_AcceptsAndMeasuresTheGain()
    {
        // Nine take 1 s; one, another every time, takes 3 s. Without it the step takes 1 s: 0.9 · 3 ÷ 1.
        BackupWorkerDecision decision = Judge(10, 100, (step, worker) => worker == step * 7 % 10 ? 3 : 1, microBatches: 1_000);
        decision.Accepted.Should().BeTrue(decision.Reason);
        decision.Backups.Should().Be(1);
        decision.ExpectedGain.Should().BeApproximately(2.7, 0.01, decision.Reason);
        decision.PredictedStepSeconds.Should().BeApproximately(1, 0.01, "that is the mean step then");
    }

    [Fact]
    public void Judge_WhenOneMicroBatchIsLong_CountsWhatTheLateWorkerIsBusyFor()
    {
        // A worker that must finish its 3 s begins the next step 2 s late, and is the next to be late.
        BackupWorkerDecision brief = Judge(10, 100, (step, worker) => worker == step * 7 % 10 ? 3 : 1, microBatches: 1_000);
        BackupWorkerDecision whole = Judge(10, 100, (step, worker) => worker == step * 7 % 10 ? 3 : 1, microBatches: 1);
        whole.ExpectedGain.Should().BeLessThan(brief.ExpectedGain!.Value - 0.1);
    }

    [Fact]
    public void Judge_WhenCommunicationIsLong_WinsLess()
    {
        BackupWorkerDecision without = Judge(10, 100, (step, worker) => worker == step * 7 % 10 ? 3 : 1, communication: 0);
        BackupWorkerDecision with = Judge(10, 100, (step, worker) => worker == step * 7 % 10 ? 3 : 1, communication: 30);
        without.Accepted.Should().BeTrue();
        with.Accepted.Should().BeFalse(with.Reason);
        with.ExpectedGain.Should().BeLessThan(1);
    }

    [Fact]
    public void Judge_WhenTheSameWorkerIsAlwaysLate_DeclinesAndNamesIt()
    {
        BackupWorkerDecision decision = Judge(10, 100, (_, worker) => worker == 4 ? 3 : 1);
        decision.Accepted.Should().BeFalse();
        decision.ExpectedGain.Should().BeGreaterThan(2);
        decision.Reason.Should().Contain("worker 4").And.Contain("dealt less work");
    }

    [Fact]
    public void Judge_WhenAWorkerIsSlowForAWhile_GivesItsTimeToNobodyElse()
    {
        // Slow for a third of the steps, and nobody late by chance: that alone would look like a gain of a quarter.
        BackupWorkerDecision decision = Judge(10, 300, (step, worker) => worker == 4 && step is >= 100 and < 200 ? 3 : 1);
        decision.Accepted.Should().BeFalse(decision.Reason);
        decision.ExpectedGain.Should().BeGreaterThan(1.2);
        decision.Reason.Should().Contain("worker 4 is not late all the time");
    }

    [Fact]
    public void Judge_WhenAWorkerIsSlowForAWhileAndOthersAreLateByChance_AcceptsForTheOthersSake()
    {
        BackupWorkerDecision decision = Judge(10, 300, (step, worker) => worker == (step is >= 100 and < 200 ? 4 : step * 7 % 10) ? 3 : 1, microBatches: 1_000);
        decision.Accepted.Should().BeTrue(decision.Reason);
        decision.Reason.Should().Contain("without a worker that is always late");
    }

    [Fact]
    public void Judge_WhenStepsVaryLittle_DeclinesBecauseOfTheSamplesLost()
    {
        var random = new Random(Seed);
        BackupWorkerDecision decision = Judge(8, 200, (_, _) => 1 + (0.05 * random.NextDouble()));
        decision.Accepted.Should().BeFalse();
        decision.ExpectedGain.Should().BeInRange(0.87, 0.93, $"seed {Seed}: 7/8 of the samples in nearly the same time");
        decision.Reason.Should().Contain("samples thrown away");
    }

    [Theory]
    [InlineData(8, 0.1, 0)]
    [InlineData(8, 0.1, 7)]
    [InlineData(8, 0.02, 3)]
    [InlineData(16, 0.2, 0)]
    [InlineData(5, 0.3, 4)]
    [InlineData(3, 0.1, 1)]
    public void Judge_AnyStalls_ChoosesTheNumberThatARunOfTheJobConfirms(int workers, double likely, int backupsMax)
    {
        var random = new Random(Seed);
        double[] own = [.. Enumerable.Range(0, 300 * workers).Select(_ => (1 + (0.05 * random.NextDouble())) * (random.NextDouble() < likely ? 5 : 1))];
        BackupWorkerDecision decision = BackupWorkerGate.Judge(new BackupWorkerEvidence
        {
            Workers = workers,
            StepSeconds = own,
            MicroBatchesPerWorker = 8,
            CommunicationSeconds = 0.1,
            BackupsMax = backupsMax,
        });

        int most = backupsMax > 0 ? backupsMax : Math.Max(1, workers / 4);
        double[] gains = [.. Enumerable.Range(1, most).Select(backups => GainOfARun(own, workers, backups, microBatches: 8, communication: 0.1))];
        decision.Backups.Should().Be(1 + Array.IndexOf(gains, gains.Max()), $"{string.Join(' ', gains)}, seed {Seed}");
        decision.ExpectedGain.Should().BeApproximately(gains.Max(), 1e-9, $"seed {Seed}");
        decision.Accepted.Should().Be(gains.Max() > 1 + BackupWorkerGate.Margin, decision.Reason);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(4)]
    public void Judge_AsManyBackupsAsWorkers_Throws(int backupsMax) => FluentActions.Invoking(() => BackupWorkerGate.Judge(new BackupWorkerEvidence
    {
        Workers = 4,
        StepSeconds = new double[160],
        MicroBatchesPerWorker = 1,
        CommunicationSeconds = 0,
        BackupsMax = backupsMax,
    })).Should().Throw<ArgumentOutOfRangeException>();

    [Theory]
    [InlineData(1, 100, "one worker")]
    [InlineData(4, BackupWorkerGate.StepsMin - 1, "too few")]
    public void Judge_WithoutEvidence_DeclinesWithoutANumber(int workers, int steps, string reason)
    {
        BackupWorkerDecision decision = Judge(workers, steps, (_, _) => 1);
        decision.Should().BeEquivalentTo(new { Accepted = false, Backups = 0, ExpectedGain = (double?)null });
        decision.Reason.Should().Contain(reason);
    }

    [Fact]
    public void Judge_WhenNothingTakesTime_DeclinesWithoutANumber() =>
        Judge(4, 100, (_, _) => 0).Should().BeEquivalentTo(new { Accepted = false, ExpectedGain = (double?)null });

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-1.0)]
    [InlineData(double.PositiveInfinity)]
    public void Judge_OnATimeThatIsNone_Throws(double seconds) =>
        FluentActions.Invoking(() => Judge(2, 40, (_, _) => seconds)).Should().Throw<ArgumentException>();

    [Fact]
    public void Judge_OnHalfAStep_Throws() => FluentActions.Invoking(() => BackupWorkerGate.Judge(new BackupWorkerEvidence
    {
        Workers = 2,
        StepSeconds = new double[3],
        MicroBatchesPerWorker = 1,
        CommunicationSeconds = 0,
    })).Should().Throw<ArgumentException>();

    /// <summary>
    /// Runs the job on one time line: each step ends with the (P − b)-th arrival and the communication; who is late goes on to the end of its
    /// micro-batch, and begins the next step then, or with the others.
    /// </summary>
    private static double GainOfARun(double[] own, int workers, int backups, int microBatches, double communication)
    {
        double RunFor(int b)
        {
            double now = 0;
            var free = new double[workers];
            for (int step = 0; step < own.Length / workers; step++)
            {
                double[] begun = [.. free.Select(at => Math.Max(at, now))];
                double[] arrives = [.. begun.Select((at, worker) => at + own[(step * workers) + worker])];
                double cutOff = arrives.Order().ElementAt(workers - b - 1);
                for (int worker = 0; worker < workers; worker++)
                {
                    double unit = own[(step * workers) + worker] / microBatches;
                    free[worker] = begun[worker];
                    for (int k = 0; k < microBatches && free[worker] < cutOff; k++)
                    {
                        free[worker] += unit;
                    }
                }

                now = cutOff + communication;
            }

            return now;
        }

        return (1 - ((double)backups / workers)) * RunFor(0) / RunFor(backups);
    }

    private static BackupWorkerDecision Judge(
        int workers, int steps, Func<int, int, double> seconds, int microBatches = 8, double communication = 0) =>
        BackupWorkerGate.Judge(new BackupWorkerEvidence
        {
            Workers = workers,
            StepSeconds = Enumerable.Range(0, steps * workers).Select(i => seconds(i / workers, i % workers)).ToArray(),
            MicroBatchesPerWorker = microBatches,
            CommunicationSeconds = communication,
        });
}
