using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Tests.Planning;

namespace StragglerGuard.Core.Tests.Policy;

public sealed class RebalancePolicyTests
{
    private static readonly RebalancePolicy Policy = new(new PolicyOptions());

    [Theory]
    [InlineData(4, 32)]
    [InlineData(6, 32)]
    [InlineData(8, 32)]
    [InlineData(6, 80)]
    [InlineData(8, 80)]
    public void Decide_EqualPacesWithNoise_ProposesNothing(int ranks, int total)
    {
        foreach (var noise in new[] { 0.005, 0.02, 0.05 })
        {
            for (var seed = 0; seed < 10; seed++)
            {
                var job = new SimulatedJob(ranks, total, noise, seed);

                job.RunTo(300, Enumerable.Repeat(0.020, ranks).ToArray());

                job.Plans.Should().BeEmpty($"ranks {ranks}, M {total}, noise {noise}, seed {seed}");
            }
        }
    }

    [Fact]
    public void Decide_MixedFleet_ProposesTheOptimumOnceAndStays()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            double[] paces = [0.020, 0.020, 0.016, 0.010];
            var job = new SimulatedJob(4, 32, noise: 0.005, seed);

            job.RunTo(200, paces);

            var plan = job.Plans.Should().ContainSingle($"seed {seed}").Subject.Plan;
            plan.MicroBatches.Should().Equal([6, 6, 8, 12], $"seed {seed}");
            plan.Acted.Should().BeTrue();
            plan.PredictedGain.Should().BeApproximately(1 - (0.130 / 0.162), 0.01, $"seed {seed}");
            plan.IntegerCostRatio.Should().BeApproximately(0.128 / (32 / 262.5), 0.01, $"seed {seed}");
            plan.Moves.Should().Be(4);
        }
    }

    [Fact]
    public void Decide_MixedFleetsOfAnySize_EndWithinThreePercentOfTheOptimum()
    {
        const int Seed = 7301;
        var random = new Random(Seed);
        for (var fleet = 0; fleet < 40; fleet++)
        {
            var paces = Enumerable.Range(0, 2 + random.Next(7)).Select(_ => new[] { 0.022, 0.020, 0.016, 0.010 }[random.Next(4)]).ToArray();
            var job = new SimulatedJob(paces.Length, 32, noise: 0.003, fleet);

            job.RunTo(120, paces);

            var best = RebalanceOracles.OneByOne(RebalanceOracles.Unbounded(paces, EvenDeal.Of(32, paces.Length)));
            var reached = paces.Select((pace, rank) => pace * job.InForce.MicroBatches[rank]).Max();
            (best / reached).Should().BeGreaterThan(0.97, $"seed {Seed}, fleet {fleet}: {string.Join(", ", paces)}, {job.InForce}");
        }
    }

    [Fact]
    public void Decide_StragglerComesAndGoes_DealsAnewAndBack()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var because = $"seed {seed}";
            var even = Enumerable.Repeat(0.020, 6).ToArray();
            double[] slowed = [0.020, 0.040, 0.020, 0.020, 0.020, 0.020];
            var job = new SimulatedJob(6, 48, noise: 0.01, seed);

            job.RunTo(150, even);
            job.RunTo(156, slowed);
            job.Flagged = [new Rank(1)];
            job.Restart(new Rank(1), 150);
            job.RunTo(200, slowed);
            job.Plans.Should().ContainSingle(because).Which.Step.Should().BeLessThan(160, because);
            job.InForce.Count(new Rank(1)).Should().Be(4, because);
            job.InForce.MicroBatches.ToArray().Max().Should().Be(9, because);

            job.RunTo(300, slowed);
            job.RunTo(306, even);
            job.Flagged = [];
            job.Restart(new Rank(1), 300);
            job.RunTo(400, even);
            job.Plans.Should().HaveCount(2, because);
            job.Plans[1].Step.Should().BeInRange(304, 310, because);
            job.InForce.MicroBatches.ToArray().Should().Equal([8, 8, 8, 8, 8, 8], because);
        }
    }

    [Theory]
    [InlineData(PolicyMode.Observe, false)]
    [InlineData(PolicyMode.Advise, false)]
    [InlineData(PolicyMode.Act, true)]
    public void Decide_AnyMode_MakesTheSameProposalAndActsInOneOnly(PolicyMode mode, bool acted)
    {
        var proposed = Policy.Decide(Mixed() with { Mode = mode }).Should().BeOfType<PolicyDecision.Propose>().Subject;

        proposed.Acted.Should().Be(acted);
        proposed.MicroBatches.Should().Equal(6, 6, 8, 12);
        proposed.CurrentPredictedSeconds.Should().BeApproximately(0.160, 1e-12);
        proposed.PredictedStepSeconds.Should().BeApproximately(0.128, 1e-12);
        proposed.PredictedGain.Should().BeApproximately(0.2, 1e-12);
        proposed.Reason.Should().Contain("0.16 s → 0.128 s").And.Contain("4 of 32 units");
    }

    [Fact]
    public void Decide_PlanPending_HoldsNamingIt()
        => Holds(Mixed() with { PendingPlan = new PlanEpoch(9) }, HoldCause.PlanPending, "epoch 9");

    [Fact]
    public void Decide_ObserverUnwell_HoldsWithItsComplaint()
        => Holds(Mixed() with { ObserverComplaint = "paused for 3.2 s" }, HoldCause.ObserverUnwell, "paused for 3.2 s");

    [Fact]
    public void Decide_InCoolDown_HoldsUntilItIsOver()
    {
        Holds(Mixed() with { StepsSinceLastPlan = 19 }, HoldCause.CoolDown, "19 of 20 steps");
        Policy.Decide(Mixed() with { StepsSinceLastPlan = 20 }).Should().BeOfType<PolicyDecision.Propose>();
    }

    [Fact]
    public void Decide_WhenMoreThanHalfTheRanksAreFlagged_HoldsFire()
    {
        Holds(Mixed() with { FlaggedRanks = Ranks(3) }, HoldCause.Brake, "3 of 4 ranks are flagged");
        Policy.Decide(Mixed() with { FlaggedRanks = Ranks(2) }).Should().BeOfType<PolicyDecision.Propose>();
    }

    [Fact]
    public void Decide_SpeedUnknown_HoldsNamingTheRank()
    {
        Holds(Mixed() with { SecondsPerUnit = new[] { 1, 1, double.NaN, 1 } }, HoldCause.UnknownSpeed, "the speed of rank 2 is unknown");
        Holds(Mixed() with { SecondsPerUnit = new[] { 1, double.NaN, double.NaN, 1 } }, HoldCause.UnknownSpeed, "rank 1 and 1 more");
    }

    [Fact]
    public void Decide_TooFewCompleteFrames_HoldsWithTheirNumber()
    {
        var frames = Frames(8, 0.020, 0.020, 0.016, 0.010);
        frames[5] = double.NaN;

        Holds(Mixed() with { RecentSecondsPerUnit = frames }, HoldCause.LittleEvidence, "7 of 8 frames");
    }

    [Fact]
    public void Decide_RankWithoutWork_NeedsNoSampleInTheFrames()
    {
        var input = Mixed() with
        {
            InForce = new MicroBatchDeal(new PlanEpoch(1), [16, 16, 0, 0]),
            RecentSecondsPerUnit = Frames(8, 0.020, 0.020, double.NaN, double.NaN),
        };

        Policy.Decide(input).Should().BeOfType<PolicyDecision.Propose>().Which.PredictedGain.Should().BeGreaterThan(0.5);
    }

    [Fact]
    public void Decide_BoundsLeaveNoDeal_HoldsWithThePlannersReason()
        => Holds(Mixed() with { Highest = new[] { 8, 8, 8, 7 } }, HoldCause.Infeasible, "the sum of Highest, 31, is below Total = 32");

    [Fact]
    public void Decide_SpeedsThatAreNoSpeeds_HoldsNamingThem()
        => Holds(Mixed() with { SecondsPerUnit = new[] { 1.0, 1, 0, 1 } }, HoldCause.Infeasible, "SecondsPerUnit[2] = 0");

    [Fact]
    public void Decide_BestDealInForce_Holds()
        => Holds(Mixed() with { InForce = new MicroBatchDeal(new PlanEpoch(1), [6, 6, 8, 12]) }, HoldCause.LittleGain, "a gain of 0.0 %");

    [Fact]
    public void Decide_SmallGain_IsNotChased()
    {
        // 100 units each; moving one from rank 0 to rank 1 gains under 1 %, moving as many as help gains 1.5 %.
        var input = Input(MicroBatchDeal.Even(200, 2), 0.0103, 0.0100);

        Holds(input, HoldCause.LittleGain, "a new deal needs more than 2.0 %");
        new RebalancePolicy(new PolicyOptions { MinGain = 0.005, GainSigmas = 0, SwitchCostSeconds = 0 }).Decide(input)
            .Should().BeOfType<PolicyDecision.Propose>();
    }

    [Fact]
    public void Decide_DearSwitch_RaisesTheThreshold()
    {
        // 20 % of 0.16 s are 0.032 s a step: over 200 steps that pays for 6.4 s.
        new RebalancePolicy(new PolicyOptions { SwitchCostSeconds = 5.5 }).Decide(Mixed()).Should().BeOfType<PolicyDecision.Propose>();
        new RebalancePolicy(new PolicyOptions { SwitchCostSeconds = 6.5 }).Decide(Mixed())
            .Should().BeOfType<PolicyDecision.Hold>().Which.Cause.Should().Be(HoldCause.LittleGain);
    }

    [Fact]
    public void Decide_CommonStepTime_ShrinksTheGain()
    {
        Policy.Decide(Mixed() with { CommonStepSeconds = 0.16 }).Should().BeOfType<PolicyDecision.Propose>()
            .Which.PredictedGain.Should().BeApproximately(0.1, 1e-12);
        Holds(Mixed() with { CommonStepSeconds = 1.6 }, HoldCause.LittleGain, "a gain of 1.8 %");
    }

    [Fact]
    public void Decide_FramesThatContradictTheEstimate_Holds()
        => Holds(
            Mixed() with { RecentSecondsPerUnit = Frames(8, 0.02, 0.02, 0.02, 0.02) },
            HoldCause.UncertainGain,
            "replayed over the last 8 frames");

    [Fact]
    public void Decide_GainWithinTheNoise_Holds()
    {
        // Rank 0 swings between 15 and 25 ms: its 20 ms are worth little.
        var frames = Frames(8, 0.020, 0.018, 0.018, 0.018);
        for (var frame = 0; frame < 8; frame++)
        {
            frames[frame * 4] = frame % 2 == 0 ? 0.015 : 0.025;
        }

        var input = Input(MicroBatchDeal.Even(32, 4), 0.020, 0.014, 0.014, 0.014) with { RecentSecondsPerUnit = frames };

        Holds(input, HoldCause.UncertainGain, "4.5 standard errors over 8 frames");
    }

    [Fact]
    public void Decide_NothingToDeal_Holds()
        => Holds(Input(MicroBatchDeal.Even(0, 2), 0.1, 0.1), HoldCause.LittleGain, "no work");

    [Fact]
    public void Policy_OptionsOutOfRange_ThrowsNamingAll()
    {
        var options = new PolicyOptions
        {
            MinGain = 1,
            HorizonSteps = 0,
            SwitchCostSeconds = double.NaN,
            CoolDownSteps = -1,
            EvidenceFrames = 17,
            GainSigmas = -1,
            BrakeShare = 0,
        };

        options.FindFaults().Should().HaveCount(7);
        new PolicyOptions().FindFaults().Should().BeEmpty();
        FluentActions.Invoking(() => new RebalancePolicy(options)).Should().Throw<ArgumentException>()
            .WithMessage("*MinGain = 1*HorizonSteps = 0*SwitchCostSeconds = NaN*CoolDownSteps = -1*")
            .WithMessage("*EvidenceFrames = 17*GainSigmas = -1*BrakeShare = 0*");
    }

    [Fact]
    public void Decide_ListsOfAnotherLength_Throws()
    {
        FluentActions.Invoking(() => Policy.Decide(Mixed() with { SecondsPerUnit = new double[3] })).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => Policy.Decide(Mixed() with { RecentSecondsPerUnit = new double[7] }))
            .Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => Policy.Decide(Mixed() with { CommonStepSeconds = -1 })).Should().Throw<ArgumentException>();
    }

    private static void Holds(PolicyInput input, HoldCause cause, string reason)
    {
        var hold = Policy.Decide(input).Should().BeOfType<PolicyDecision.Hold>().Subject;
        hold.Cause.Should().Be(cause, hold.Reason);
        hold.Reason.Should().Contain(reason);
        PolicyDecision.Hold? unseen = cause is HoldCause.PlanPending or HoldCause.ObserverUnwell or HoldCause.CoolDown or HoldCause.Brake ? hold : null;
        Policy.HoldWithoutSpeeds(input with { SecondsPerUnit = default, RecentSecondsPerUnit = default }).Should().Be(unseen, "the same, seen without the speeds");
    }

    [Fact]
    public void Decide_NoVerdictStandsAnyMore_GoesBackToTheFormerDealThoughNothingIsWonByIt()
    {
        // 32 units over six equals take six units of time dealt evenly, and as long with rank 1 relieved of three.
        var relieved = new MicroBatchDeal(new PlanEpoch(2), [5, 3, 6, 6, 6, 6]);
        int[] former = [6, 6, 5, 5, 5, 5];
        var input = Input(relieved, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02) with { Former = former };

        var plan = Policy.Decide(input).Should().BeOfType<PolicyDecision.Propose>().Subject;

        plan.MicroBatches.Should().Equal(former);
        plan.Moves.Should().Be(4);
        plan.PredictedGain.Should().BeApproximately(0, 1e-12);
        plan.Reason.Should().Contain("no verdict stands any more");
    }

    [Fact]
    public void Decide_VerdictStillStands_DoesNotGoBack()
    {
        var relieved = new MicroBatchDeal(new PlanEpoch(2), [5, 3, 6, 6, 6, 6]);
        var input = Input(relieved, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02) with
        {
            Former = new[] { 6, 6, 5, 5, 5, 5 },
            FlaggedRanks = new[] { new Rank(1) },
        };

        Holds(input, HoldCause.LittleGain, "best deal");
    }

    [Fact]
    public void Decide_FormerDealWouldBeSlower_Holds()
    {
        // Rank 1 recovered to a speed at which its former share would cost a twelfth more.
        var relieved = new MicroBatchDeal(new PlanEpoch(2), [5, 3, 6, 6, 6, 6]);
        var input = Input(relieved, 0.02, 0.0217, 0.02, 0.02, 0.02, 0.02) with { Former = new[] { 6, 6, 5, 5, 5, 5 } };

        Holds(input, HoldCause.LittleGain, "best deal");
    }

    [Fact]
    public void Decide_FormerDealOfAnotherLength_Throws() =>
        FluentActions.Invoking(() => Policy.Decide(Mixed() with { Former = new[] { 32 } })).Should().Throw<ArgumentException>().WithMessage("*Former 1*");

    private static PolicyInput Mixed() => Input(MicroBatchDeal.Even(32, 4), 0.020, 0.020, 0.016, 0.010);

    private static PolicyInput Input(MicroBatchDeal inForce, params double[] secondsPerUnit) => new()
    {
        Mode = PolicyMode.Act,
        Step = 100,
        InForce = inForce,
        SecondsPerUnit = secondsPerUnit,
        RecentSecondsPerUnit = Frames(8, secondsPerUnit),
    };

    private static double[] Frames(int frames, params double[] secondsPerUnit)
        => Enumerable.Repeat(secondsPerUnit, frames).SelectMany(frame => frame).ToArray();

    private static Rank[] Ranks(int count) => Enumerable.Range(0, count).Select(r => new Rank(r)).ToArray();
}
