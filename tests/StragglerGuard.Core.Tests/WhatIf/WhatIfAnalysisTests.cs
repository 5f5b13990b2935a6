using StragglerGuard.Core.WhatIf;

namespace StragglerGuard.Core.Tests.WhatIf;

public sealed class WhatIfAnalysisTests
{
    private const double Close = 1e-6;

    public static TheoryData<int, int, int, int, bool> Shapes => new()
    {
        { 1, 4, 1, 8, false },
        { 2, 4, 1, 8, false },
        { 3, 2, 1, 5, false },
        { 4, 1, 1, 4, false },
        { 2, 4, 2, 8, false },
        { 2, 2, 3, 4, true },
        { 2, 4, 1, 3, true },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Analyze_OfARecordedJob_FindsTheTimesThatTheJobReallyTook(int replicas, int stages, int chunks, int microBatches, bool overlaps)
    {
        var noise = new Noise(replicas * 1000 + stages * 100 + chunks);
        Dictionary<(int, int, int, OperationType, int), long> own = [];
        long OwnNs(int replica, int stage, int step, OperationType type, int sequence, int microBatch)
        {
            (int, int, int, OperationType, int) key = (replica, stage, step, type, sequence);
            if (!own.TryGetValue(key, out long ns))
            {
                ns = (long)(SyntheticPipeline.Plain()(replica, stage, step, type, sequence, microBatch) * (0.5 + noise.Next()));
                own[key] = ns;
            }

            return ns;
        }

        var job = new SyntheticPipeline
        {
            Replicas = replicas,
            Stages = stages,
            Chunks = chunks,
            MicroBatches = microBatches,
            Steps = 2,
            OverlapsGradients = overlaps,
            OwnNs = OwnNs,
        };
        WhatIfReport report = Judged(job);
        report.Coverage.IsWhole.Should().BeTrue();
        report.StepSeconds.Should().BeApproximately(job.MeanStepNs(OwnNs) / 1e9, Close);

        Dictionary<OperationType, long> ideal = Ideals(own);
        report.IdealStepSeconds.Should().BeApproximately(job.MeanStepNs((_, _, _, type, _, _) => ideal[type]) / 1e9, Close);
        foreach (WorkerSlowdown worker in report.Workers)
        {
            double only = job.MeanStepNs((replica, stage, step, type, sequence, microBatch) =>
                replica == worker.Replica && stage == worker.Stage ? own[(replica, stage, step, type, sequence)] : ideal[type]);
            worker.Slowdown.Should().BeApproximately(only / 1e9 / report.IdealStepSeconds, Close, $"of replica {worker.Replica}, stage {worker.Stage}");
            double without = job.MeanStepNs((replica, stage, step, type, sequence, microBatch) =>
                replica == worker.Replica && stage == worker.Stage ? ideal[type] : own[(replica, stage, step, type, sequence)]);
            worker.GainIfIdeal.Should().BeApproximately(report.StepSeconds / (without / 1e9), Close);
        }

        foreach (ReplicaSlowdown row in report.ByReplica)
        {
            double only = job.MeanStepNs((replica, stage, step, type, sequence, _) =>
                replica == row.Replica ? own[(replica, stage, step, type, sequence)] : ideal[type]);
            row.Slowdown.Should().BeApproximately(only / 1e9 / report.IdealStepSeconds, Close);
        }

        foreach (StageSlowdown row in report.ByStage)
        {
            double only = job.MeanStepNs((replica, stage, step, type, sequence, _) =>
                stage == row.Stage ? own[(replica, stage, step, type, sequence)] : ideal[type]);
            row.Slowdown.Should().BeApproximately(only / 1e9 / report.IdealStepSeconds, Close);
        }
    }

    [Fact]
    public void Analyze_OfEqualWorkers_AccusesNobody()
    {
        WhatIfReport report = Judged(new SyntheticPipeline { OwnNs = SyntheticPipeline.Plain() });
        report.Slowdown.Should().BeApproximately(1, Close);
        report.Waste.Should().BeApproximately(0, Close);
        report.Class.Should().Be(StragglerClass.None);
        report.Culprits.Should().BeEmpty();
        report.Advice.Should().BeEmpty();
    }

    [Theory]
    [InlineData(1.15)]
    [InlineData(2.0)]
    public void Analyze_WithASlowWorker_AccusesItAlone(double slow)
    {
        WhatIfReport report = Judged(new SyntheticPipeline
        {
            Replicas = 4,
            OwnNs = SyntheticPipeline.Plain((replica, stage, _, _, _) => replica == 2 && stage == 1 ? slow : 1),
        });
        report.Class.Should().Be(StragglerClass.Worker, report.Reason);
        Culprit culprit = report.Culprits.Should().ContainSingle().Subject;
        culprit.Should().BeEquivalentTo(new { Replica = 2, Stage = 1, Rank = 6 });
        culprit.Ratio.Should().BeApproximately(slow, 1e-3);
        report.SlowWorkerShare.Should().BeGreaterThan(0.9);
        report.Workers.MaxBy(worker => worker.Slowdown).Should().BeEquivalentTo(new { Replica = 2, Stage = 1 });
        Advice replace = report.Advice.Single(advice => advice.Action == Mitigation.ReplaceWorker);
        replace.PredictedGain.Should().BeGreaterThan(1 + (0.35 * (slow - 1)));
    }

    [Fact]
    public void Analyze_WithTwoSlowWorkersOfOneReplica_AccusesBoth()
    {
        WhatIfReport report = Judged(new SyntheticPipeline
        {
            Replicas = 4,
            OwnNs = SyntheticPipeline.Plain((replica, stage, _, _, _) => replica == 1 && (stage is 0 or 3) ? 1.5 : 1),
        });
        report.Class.Should().Be(StragglerClass.Worker, report.Reason);
        report.Culprits.Select(culprit => (culprit.Replica, culprit.Stage)).Should().BeEquivalentTo(new (int?, int)[] { (1, 0), (1, 3) });
    }

    [Fact]
    public void Analyze_WithHalfOfAStageSlow_AccusesThatHalf()
    {
        WhatIfReport report = Judged(new SyntheticPipeline
        {
            Replicas = 4,
            OwnNs = SyntheticPipeline.Plain((replica, stage, _, _, _) => replica < 2 && stage == 2 ? 1.4 : 1),
        });
        report.Culprits.Select(culprit => (culprit.Replica, culprit.Stage)).Should().BeEquivalentTo(new (int?, int)[] { (0, 2), (1, 2) });
    }

    [Fact]
    public void Analyze_WithOneFasterWorker_AccusesNobody()
    {
        WhatIfReport report = Judged(new SyntheticPipeline
        {
            Replicas = 4,
            OwnNs = SyntheticPipeline.Plain((replica, stage, _, _, _) => replica == 3 && stage == 2 ? 0.5 : 1),
        });
        report.Class.Should().Be(StragglerClass.None, report.Reason);
        report.Culprits.Should().BeEmpty();
    }

    [Fact]
    public void Analyze_WithAHeavyStage_AccusesTheStage()
    {
        WhatIfReport report = Judged(new SyntheticPipeline
        {
            Replicas = 3,
            OwnNs = SyntheticPipeline.Plain((_, stage, _, _, _) => stage == 3 ? 1.6 : 1),
        });
        report.Class.Should().Be(StragglerClass.Stage, report.Reason);
        report.Culprits.Should().ContainSingle().Which.Should().BeEquivalentTo(new { Replica = (int?)null, Stage = 3, Rank = (int?)null });
        report.LastStageShare.Should().BeGreaterThan(0.8);
        report.Advice[0].Action.Should().Be(Mitigation.RepartitionStages);
        report.Advice[0].PredictedGain.Should().BeGreaterThan(1.2);
    }

    [Fact]
    public void Analyze_WithMicroBatchesOfUnequalWork_BlamesTheWorkload()
    {
        var noise = new Noise(7);
        Dictionary<(int, int, int), double> work = [];
        WhatIfReport report = Judged(new SyntheticPipeline
        {
            Replicas = 4,
            Steps = 8,
            OwnNs = SyntheticPipeline.Plain((replica, stage, step, type, microBatch) =>
            {
                if (!work.TryGetValue((replica, step, microBatch), out double factor))
                {
                    factor = 0.5 + (noise.Next() * noise.Next() * 3);
                    work[(replica, step, microBatch)] = factor;
                }

                // The last stage is a little heavier too: second to what the sequences do.
                return factor * (stage == 3 ? 1.15 : 1) * (1 + (0.01 * noise.Next()));
            }),
        });
        report.Class.Should().Be(StragglerClass.Workload, report.Reason);
        report.Culprits.Should().BeEmpty();
        report.Advice[0].Action.Should().Be(Mitigation.BalanceSequences);
    }

    [Fact]
    public void Analyze_WithAReplicaOfLongerSequences_AccusesNoneOfItsWorkers()
    {
        var noise = new Noise(11);
        Dictionary<(int, int, int), double> work = [];
        WhatIfReport report = Judged(new SyntheticPipeline
        {
            Replicas = 4,
            Steps = 6,
            OwnNs = SyntheticPipeline.Plain((replica, _, step, _, microBatch) =>
            {
                if (!work.TryGetValue((replica, step, microBatch), out double factor))
                {
                    factor = (0.8 + (0.4 * noise.Next())) * (replica == 2 ? 1.4 : 1);
                    work[(replica, step, microBatch)] = factor;
                }

                return factor;
            }),
        });
        report.Class.Should().Be(StragglerClass.Workload, report.Reason);
        report.Advice.Should().NotContain(advice => advice.Action == Mitigation.ReplaceWorker);
    }

    [Fact]
    public void Analyze_WithUnsteadyButEqualDevices_DoesNotCallItWorkload()
    {
        var noise = new Noise(3);
        WhatIfReport report = Judged(new SyntheticPipeline
        {
            Replicas = 4,
            Steps = 8,
            OwnNs = SyntheticPipeline.Plain((_, _, _, _, _) => 0.5 + noise.Next()),
        });
        report.Class.Should().NotBe(StragglerClass.Workload).And.NotBe(StragglerClass.Worker, report.Reason);
        report.Culprits.Should().BeEmpty();
    }

    [Fact]
    public void Analyze_WithTransfersThatNowAndThenStall_BlamesTheFabric()
    {
        var noise = new Noise(5);
        WhatIfReport report = Judged(new SyntheticPipeline
        {
            Replicas = 2,
            Steps = 8,
            OwnNs = (replica, stage, step, type, sequence, microBatch) =>
                SyntheticPipeline.Plain()(replica, stage, step, type, sequence, microBatch)
                * (type == OperationType.GradsReduceScatter && step % 4 == 0 ? 40 : OperationTypes.IsPipelineTransfer(type) && noise.Next() > 0.95 ? 50 : 1),
        });
        report.Class.Should().Be(StragglerClass.Fabric, report.Reason);
        report.Culprits.Should().BeEmpty();
        report.Advice[0].Action.Should().Be(Mitigation.InspectFabric);
    }

    [Fact]
    public void Analyze_OfASlowReplica_PredictsWhatAnUnevenDealWins()
    {
        WhatIfReport report = Judged(new SyntheticPipeline
        {
            Replicas = 4,
            Stages = 1,
            MicroBatches = 20,
            OwnNs = SyntheticPipeline.Plain((replica, _, _, _, _) => replica == 0 ? 1.6 : 1),
        });
        // 80 micro-batches over speeds 1/1.6, 1, 1, 1 take 80/3.625 = 22.07 units at best, in whole numbers 22.4 (14/22/22/22); evenly 32.
        Advice deal = report.Advice.Single(advice => advice.Action == Mitigation.RebalanceMicroBatches);
        deal.Reason.Should().Contain("14/22/22/22");
        deal.PredictedGain.Should().BeInRange(1.38, 32 / 22.4);
    }

    [Fact]
    public void CauseShares_Always_SumUpToWhatTheFourCausesCost()
    {
        var noise = new Noise(13);
        WhatIfReport report = Judged(new SyntheticPipeline
        {
            Replicas = 3,
            OwnNs = (replica, stage, step, type, sequence, microBatch) =>
            {
                double factor = (stage == 3 ? 1.4 : 1) * (replica == 1 && stage == 1 ? 1.8 : 1);
                long ns = SyntheticPipeline.Plain((_, _, _, _, _) => factor)(replica, stage, step, type, sequence, microBatch);
                return OperationTypes.IsPipelineTransfer(type) ? (long)(ns * (0.5 + (4 * noise.Next()))) : ns;
            },
        });
        report.Causes.Select(cause => cause.Class).Should().BeEquivalentTo(
            [StragglerClass.Worker, StragglerClass.Stage, StragglerClass.Workload, StragglerClass.Fabric]);
        report.Causes.Should().BeInDescendingOrder(cause => cause.LostShare);
        report.Causes.Single(cause => cause.Class == StragglerClass.Workload).LostShare.Should().Be(0);
        report.Causes.Sum(cause => cause.LostShare).Should().BeInRange(0.2, report.Waste + 0.2);
    }

    private static WhatIfReport Judged(SyntheticPipeline job)
    {
        WhatIfOutcome outcome = WhatIfAnalysis.Analyze(job.Record());
        outcome.Fault.Should().BeNull();
        return outcome.Report!;
    }

    /// <summary>The paper's ideals, the plain way.</summary>
    private static Dictionary<OperationType, long> Ideals(Dictionary<(int, int, int, OperationType Type, int), long> own) =>
        own.GroupBy(entry => entry.Key.Type, entry => entry.Value).ToDictionary(group => group.Key, group =>
        {
            long[] sorted = [.. group.Order()];
            return OperationTypes.IsCommunication(group.Key)
                ? (long)Math.Round((sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2.0)
                : (long)Math.Round(sorted.Average());
        });

    /// <summary>Numbers that look random and are the same in every run.</summary>
    private sealed class Noise(int seed)
    {
        private readonly Random _random = new(seed);

        /// <summary>Uniform, 0 … 1.</summary>
        public double Next() => _random.NextDouble();
    }
}
