using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian;

/// <summary>Deals, deadlines and backup workers, and their grades, in the guardian's own words.</summary>
public sealed class MitigationTests
{
    private const double Pace = 0.020;

    [Theory]
    [InlineData(RankAbilities.Deadline, MitigationKind.Deadline)]
    [InlineData(RankAbilities.Backup, MitigationKind.Backup)]
    public void Steps_WithLongTails_AreCutAndTheGainIsGraded(RankAbilities ability, MitigationKind kind)
    {
        JudgedJob job = Tailed(ability, stalls: 0.06).RunTo(200);

        PlanDecided plan = job.Plans.First();
        plan.Kind.Should().Be(kind, job.Story());
        (plan.Plan.DeadlineNs > 0, plan.Plan.Backups > 0).Should().Be((kind == MitigationKind.Deadline, kind == MitigationKind.Backup));
        plan.Plan.Shares.ToArray().Should().OnlyContain(share => share == 8, "the deal stays");
        plan.PredictedGain.Should().BeGreaterThan(1.1);
        plan.PredictedStepSeconds.Should().BeInRange(8 * Pace, 8 * Pace * 2.5, "the mean step between one that nobody stalls in and one that waits");
    }

    [Theory]
    [InlineData(RankAbilities.Deadline, MitigationKind.Deadline)]
    [InlineData(RankAbilities.Backup, MitigationKind.Backup)]
    public void Steps_WithoutTails_AreLeftAloneAndTheLedgerSaysWhyOnce(RankAbilities ability, MitigationKind kind)
    {
        JudgedJob job = Tailed(ability, stalls: 0).RunTo(300);

        job.Plans.Should().BeEmpty(job.Story());
        job.Decisions.OfType<MitigationRefused>().Should().ContainSingle(job.Story()).Which.Kind.Should().Be(kind);
    }

    /// <summary>The fast rank is slower the more it is dealt, by less than anyone would flag: what is promised is not kept.</summary>
    [Fact]
    public void Deal_ThatMadeItNoBetter_IsRolledBackAndItsKindRests()
    {
        var ranks = new VirtualRanks(seed: 41, total: 80, 0.020, 0.020, 0.020, 0.016) { Noise = _ => 1 };
        ranks.Factor = (rank, _) => rank == 3 && ranks.InForce.MicroBatches[3] > 20 ? 1.09 : 1;
        JudgedJob job = new JudgedJob(ranks).RunTo(200);

        PlanGraded graded = job.Decisions.OfType<PlanGraded>().Should().ContainSingle(job.Story()).Which;
        (graded.RolledBack, graded.KindRests, graded.Kind).Should().Be((true, true, MitigationKind.Rebalance));
        graded.PredictedGain.Should().BeApproximately(1.05, 0.01);
        graded.RealisedGain.Should().BeLessThan(1.005);
        PlanDecided[] plans = [.. job.Plans];
        plans.Should().HaveCount(2, job.Story());
        plans[1].Plan.Shares.ToArray().Should().Equal(20, 20, 20, 20);
        plans[1].Reason.Should().StartWith("rolled back to the plan of epoch 0").And.Contain("so it is rolled back");
        ranks.InForce.MicroBatches.ToArray().Should().Equal(20, 20, 20, 20);
        job.Decisions.OfType<MitigationRefused>().Should().ContainSingle(job.Story()).Which.Reason.Should().Contain("rebalance rests for another");
    }

    /// <summary>A slow link that comes up while a deal is graded befalls both deals alike.</summary>
    [Fact]
    public void Grade_OfADealWhileTheTransferGrows_IsThatOfTheDealAlone()
    {
        var ranks = new VirtualRanks(seed: 42, total: 32, 0.020, 0.020, 0.016, 0.010) { Noise = _ => 1 };
        var job = new JudgedJob(ranks);
        while (job.Judge.EpochInForce == PlanEpoch.Initial)
        {
            job.RunTo(ranks.NextStep + 1);
        }

        ranks.RestOfStepNs += 150_000_000;
        job.RunTo(ranks.NextStep + 60);

        PlanGraded graded = job.Decisions.OfType<PlanGraded>().Should().ContainSingle(job.Story()).Which;
        // 160 ms even, 128 ms dealt, and 151 ms for all.
        graded.RealisedGain.Should().BeApproximately((0.160 + 0.1513) / (0.128 + 0.1513), 0.01, graded.Reason);
        graded.RolledBack.Should().BeFalse();
    }

    [Fact]
    public void Plan_WhileAnotherIsGraded_IsDecidedOnlyWhereAVerdictAsksForIt()
    {
        // Rank 0 becomes a little faster right after the first plan: worth a new deal, but no verdict's matter.
        JudgedJob job = Graded((rank, sinceFirst) => rank == 0 && sinceFirst >= 0 ? 0.6 : 1, out long gradedAt);
        job.Plans.Skip(1).Should().OnlyContain(plan => plan.Step >= gradedAt, job.Story());
        job.Plans.Should().HaveCount(2, job.Story());

        // Rank 0 becomes slow: that can't wait.
        job = Graded((rank, sinceFirst) => rank == 0 && sinceFirst >= 1 ? 2 : 1, out _);
        PlanDecided second = job.Plans.ElementAt(1);
        second.Step.Should().BeInRange(job.Decisions.OfType<StragglerFound>().ElementAt(1).Step, job.Decisions.OfType<StragglerFound>().ElementAt(1).Step + 4, "as soon as its new speed is known");
        job.Decisions.OfType<PlanGraded>().First().Reason.Should().Contain("can't be graded: a verdict has changed since it was decided", job.Story());
    }

    /// <summary>A replica is as slow as its slowest rank, and a verdict on a rank is one on its replica.</summary>
    [Fact]
    public void Replicas_OfTwoRanksEach_AreDealtToByTheirSlowestRank()
    {
        var ranks = new VirtualRanks(seed: 43, total: 36, [.. Enumerable.Repeat(Pace, 8)])
        {
            RanksPerReplica = 2,
            InForce = MicroBatchDeal.Even(36, 4),
            Factor = (rank, step) => rank == 3 && step >= 100 ? 2 : 1,
        };
        JudgedJob job = new JudgedJob(ranks).RunTo(200);

        job.Decisions.OfType<StragglerFound>().Should().ContainSingle(job.Story()).Which.Verdict.Rank.Should().Be(new Rank(3));
        PlanDecided plan = job.Plans.Should().ContainSingle(job.Story()).Which;
        plan.Plan.Shares[1].Should().Be(5, job.Story());
        plan.Plan.Shares.ToArray().Max().Should().Be(11, "5 units of the half as fast take as long as 10 of the others, and 36 are 5 + 10 + 10 + 11");
        job.Judge.Status().Ranks.Where(rank => rank.Verdict is not null).Should().ContainSingle().Which.MicroBatches.Should().Be(5);
        job.Decisions.OfType<PlanGraded>().Single().RolledBack.Should().BeFalse();
    }

    [Theory]
    [InlineData(4, true)]
    [InlineData(3, false)]
    public void Rank_ThatNeverGaveASample_IsTakenForItsClassWhereThreeOthersAreKnown(int equals, bool isDealt)
    {
        // The last rank is of another class and twice as fast: something is there to win.
        int silent = 1;
        var ranks = new VirtualRanks(seed: 44, total: 40, [.. Enumerable.Repeat(Pace, equals), Pace / 2]) { FastRank = equals };
        var job = new JudgedJob(ranks) { Network = records => [.. records.Where(record => record.Rank.Value != silent || record.Kind == TimingKind.SkewProbe)] };
        job.RunTo(400);

        if (isDealt)
        {
            PlanDecided plan = job.Plans.First();
            plan.Reason.Should().Contain("rank 1 never gave a sample: the median of 3 of its class stands in", job.Story());
            plan.Plan.Shares[silent].Should().BeInRange(6, 7);
        }
        else
        {
            job.Plans.Should().BeEmpty(job.Story());
            job.Judge.Status().PolicyReason.Should().Contain("rank 1 is unknown");
        }
    }

    /// <summary>A first plan for a rank that has become slow, and what happens to the ranks once it is in force.</summary>
    private static JudgedJob Graded(Func<int, long, double> factor, out long gradedAt)
    {
        var ranks = new VirtualRanks(seed: 45, total: 64, Pace, Pace, Pace, Pace) { Noise = _ => 1 };
        long first = long.MaxValue;
        ranks.Factor = (rank, step) =>
        {
            first = ranks.InForce.Epoch == PlanEpoch.Initial ? long.MaxValue : Math.Min(first, step);
            return rank == 3 && step >= 60 ? 1.6 : factor(rank, first == long.MaxValue ? -1 : step - first);
        };
        var options = new StragglerGuardOptions { Policy = new PolicySection { CoolDownSteps = 2 } };
        JudgedJob job = new JudgedJob(ranks, options: options) { StepsPerReport = 1 }.RunTo(200);
        gradedAt = job.Decisions.OfType<PlanGraded>().First().Step;
        return job;
    }

    private static JudgedJob Tailed(RankAbilities ability, double stalls)
    {
        var ranks = new VirtualRanks(seed: 46, total: 64, [.. Enumerable.Repeat(Pace, 8)])
        {
            Abilities = RankAbilities.Rebalance | ability,
            Noise = random => random.NextDouble() < stalls ? 5 : 1 + (0.004 * random.NextDouble()),
        };
        return new JudgedJob(ranks);
    }
}
