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

/// <summary>Who leaves a job and who comes back, in the guardian's own words.</summary>
public sealed class MembershipTests
{
    private const double Pace = 0.25;
    private const int Onset = 60;
    private static readonly JobId Job = new("job");

    /// <summary>With four micro-batches each one alone takes the slow replica 3 s, and the other seven do without it in 1.25 s.</summary>
    [Fact]
    public void Replica_SlowBeyondDoubt_LeavesOnceAsMuchIsLostAsItCosts()
    {
        JudgedJob job = Dying().RunTo(90);
        PlanDecided relief = job.Plans.Should().ContainSingle(job.Story()).Which;
        relief.Kind.Should().Be(MitigationKind.Rebalance, "dealing it less is the gentler way and comes first");

        PlanDecided eviction = RunToEviction(job);

        eviction.Plan.Generation.Should().Be(new Generation(1));
        eviction.Plan.Shares.ToArray().Should().HaveElementAt(5, JobPlan.NotMember).And.OnlyContain(share => share == JobPlan.NotMember || share == 4 || share == 5);
        eviction.Plan.Total.Should().Be(32, "the global batch stays");
        eviction.Moves.Should().Equal(new WorkerMove(5, new WorkerId(new NodeId("node"), "GPU-5"), "H100 at 0.08"));
        eviction.Reason.Should().Contain("replica 5 is slow beyond doubt").And.Contain("replica 5 goes to pool H100 at 0.08");
        (double forgone, double cost) = Forgone(eviction.Reason);
        cost.Should().Be(30);
        forgone.Should().BeGreaterThanOrEqualTo(cost, job.Story());
    }

    [Fact]
    public void Replica_ThatATrialFindsSlowToo_LeavesAfterIt()
    {
        JudgedJob job = Dying(trial: rank => rank == 5 ? 12 : 1);

        PlanDecided eviction = RunToEviction(job);

        PlanDecided trial = job.Plans.Single(plan => plan.Plan.IsTrial);
        trial.Plan.Generation.Should().Be(new Generation(0));
        trial.Plan.Shares.ToArray().Should().Equal(job.Plans.First().Plan.Shares.ToArray(), "a trial changes nobody's share");
        trial.Reason.Should().StartWith("before replica 5 may leave, every rank tries a micro-batch that does not count");
        eviction.Plan.Epoch.Should().BeGreaterThan(trial.Plan.Epoch);
        eviction.Reason.Should().Contain(
            "a probe confirms that replica 5 is slow; a micro-batch on trial took it 3 s, 12.00 times the median of 7 others on H100");
        job.Ranks.NextStep.Should().BeLessThan(trial.Step + 30, job.Story());
    }

    [Fact]
    public void Replica_ThatATrialFindsFit_Stays()
    {
        JudgedJob job = Dying(trial: _ => 1).RunTo(300);

        job.Plans.Should().ContainSingle(plan => plan.Plan.IsTrial, job.Story());
        job.Plans.Should().NotContain(plan => plan.Kind == MitigationKind.Evict, job.Story());
        Refusals(job, MitigationKind.Evict).Should().ContainSingle(reason => reason.Contains("a probe found replica 5 fit: a micro-batch on trial took it"), job.Story());
    }

    [Fact]
    public void Replica_WhoseEvictionWouldNotPayYet_Waits()
    {
        JudgedJob job = Dying(options: Options(new MitigationSection { RegroupSeconds = 90 })).RunTo(100);

        job.Judge.Status().PolicyReason.Should().Contain("eviction of replica 5 costs 90 s once").And.Contain("is taken once that has reached its cost");
        job.Plans.Should().NotContain(plan => plan.Kind == MitigationKind.Evict, job.Story());
    }

    [Fact]
    public void Eviction_OfOneBeyondDoubtAndOneNot_TakesTheOneAlone()
    {
        // Replica 2 becomes as slow long after: when the other leaves, the evidence on it is young.
        long second = long.MaxValue;
        JudgedJob job = Dying(factor: (rank, step) => rank == 5 && step >= Onset ? 12 : rank == 2 && step >= second ? 11 : 1);
        job.RunTo(120);
        second = job.Ranks.NextStep;

        PlanDecided eviction = RunToEviction(job);

        eviction.Moves.Should().ContainSingle(job.Story()).Which.Replica.Should().Be(5);
        eviction.Plan.NumberOf(2).Should().BeGreaterThanOrEqualTo(0);
    }

    [Fact]
    public void Eviction_WhereMoreThanTheBrakeAllowsAreFlagged_IsRefusedOnce()
    {
        // 3 of 8 are more than 30 %. The floor and the budget would let them go.
        StragglerGuardOptions options = Options(new MitigationSection { FloorShare = 0.25, EvictionsPerHour = 8 });
        JudgedJob job = Dying(options: options, factor: (rank, step) => rank is 1 or 3 or 5 && step >= Onset ? 12 : 1).RunTo(400);

        Refusals(job, MitigationKind.Evict).Should().ContainSingle(reason => reason.Contains("3 of 8 members of the job are flagged, more than 30 %: nothing destructive"), job.Story());
        job.Plans.Should().NotContain(plan => plan.Kind == MitigationKind.Evict, job.Story());
    }

    [Fact]
    public void Eviction_WithTheBudgetSpent_IsRefusedOnce()
    {
        JobContext context = Context();
        Apply(context, new PlanDecided(Job, default, 0, MitigationKind.Evict, JobPlan.Even(32, 8), 1, 1.5, "earlier this hour")
        {
            Moves = [new WorkerMove(0, new WorkerId(new NodeId("n"), "g"), "p")],
        });
        JudgedJob job = Dying(options: Options(new MitigationSection { EvictionsPerHour = 1 }), context: context).RunTo(400);

        Refusals(job, MitigationKind.Evict).Should().ContainSingle(reason => reason.Contains("1 of 1 evictions of this hour are spent"), job.Story());
        job.Plans.Should().NotContain(plan => plan.Kind == MitigationKind.Evict, job.Story());
    }

    [Fact]
    public void Eviction_BelowTheFloor_IsRefusedOnce()
    {
        JudgedJob job = Dying(options: Options(new MitigationSection { FloorShare = 1 })).RunTo(400);

        Refusals(job, MitigationKind.Evict).Should().ContainSingle(reason => reason.Contains("would leave 7 members; the floor is 8"), job.Story());
        job.Plans.Should().NotContain(plan => plan.Kind == MitigationKind.Evict, job.Story());
    }

    [Theory]
    [InlineData(PolicyMode.Observe)]
    [InlineData(PolicyMode.Advise)]
    public void Eviction_WhereTheGuardianMayNotAct_IsAtMostAdvised(PolicyMode mode)
    {
        JudgedJob job = Dying(mode: mode).RunTo(600);

        job.Plans.Should().BeEmpty(job.Story());
        List<MitigationAdvised> advice = [.. job.Decisions.OfType<MitigationAdvised>()];
        if (mode == PolicyMode.Observe)
        {
            job.Decisions.Should().OnlyContain(decision => decision is StragglerFound, job.Story());
            job.Judge.Status().PolicyReason.Should().Contain("the mode is observe: shown, not carried out");
        }
        else
        {
            advice.Select(one => one.Kind).Should().OnlyHaveUniqueItems(job.Story()).And.Contain(MitigationKind.Evict);
            advice.Single(one => one.Kind == MitigationKind.Evict).Shares[5].Should().Be(JobPlan.NotMember);
            advice.Should().OnlyContain(one => one.Reason.Contains("the mode is advise: told, not carried out"));
        }
    }

    [Theory]
    [InlineData(0.25, 400, true, "a micro-batch takes it 0.25 s")]
    [InlineData(0.25, 100, false, "replica 3 is on probation for another")]
    [InlineData(0.40, 400, false, "a probe found replica 3 slow: a micro-batch takes it 0.4 s, 1.60 times the median of 3 members on H100")]
    [InlineData(null, 400, false, "no probe has found replica 3 fit yet; it has not tried a micro-batch yet")]
    public void Replica_ThatStandsBy_ComesBackAfterProbationWithAFitTrial(double? trial, int evictedAgoSeconds, bool comesBack, string words)
    {
        JobContext context = Begun(PlanWithout3(), standby: trial, at: -evictedAgoSeconds);
        JudgedJob job = Three(context).RunTo(60);

        if (comesBack)
        {
            PlanDecided back = job.Plans.Should().ContainSingle(plan => plan.Kind == MitigationKind.Readmit, job.Story()).Which;
            back.Plan.Shares.ToArray().Should().Equal(8, 8, 8, 8);
            back.Plan.Generation.Should().Be(new Generation(2));
            back.Moves.Should().Equal([new WorkerMove(3, Worker(3), "H100 at 0.08")], "it comes from the pool that it left for");
            back.Reason.Should().Contain(words);
        }
        else
        {
            Refusals(job, MitigationKind.Readmit).Should().ContainSingle(job.Story()).Which.Should().Contain(words);
            job.Plans.Should().BeEmpty(job.Story());
        }
    }

    /// <summary>Promised was half as much time again; without the replica the job is slower than it was with it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Eviction_ThatMadeItWorse_IsUndoneAtOnceWhereTheWorkerStandsBy(bool standsBy)
    {
        JobContext context = Begun(PlanWithout3(), standby: standsBy ? 0.4 : null, at: -100) with { FormerSecondsPerUnit = 2.0 / 32 };
        if (!standsBy)
        {
            context = context with { Standby = new SortedDictionary<int, StandbyReport>() };
        }

        JudgedJob job = Three(context).RunTo(200);

        PlanGraded graded = job.Decisions.OfType<PlanGraded>().Should().ContainSingle(job.Story()).Which;
        (graded.RolledBack, graded.KindRests).Should().Be((true, true));
        context.Book.Rests.Should().ContainSingle().Which.Kind.Should().Be(MitigationKind.Evict);
        if (standsBy)
        {
            PlanDecided back = job.Plans.Should().ContainSingle(job.Story()).Which;
            (back.Kind, back.Plan.Generation).Should().Be((MitigationKind.Readmit, new Generation(2)));
            back.Plan.Shares.ToArray().Should().Equal([8, 8, 8, 8], "that is the plan from before");
            back.Reason.Should().StartWith("rolled back to the plan of epoch 0").And.Contain("slower by more than");
            back.Moves.Should().ContainSingle().Which.Replica.Should().Be(3, "its probation is not served");
        }
        else
        {
            job.Plans.Should().BeEmpty(job.Story());
        }
    }

    /// <summary>A guardian that takes over knows what a step took before from the plan alone.</summary>
    [Fact]
    public void Eviction_GradedByAGuardianThatDidNotSeeTheGenerationBefore_IsHeldAgainstThePlansOwnNumbers()
    {
        JobContext context = Begun(PlanWithout3(), standby: null, at: -100);
        JudgedJob job = Three(context).RunTo(60);

        PlanGraded graded = job.Decisions.OfType<PlanGraded>().Should().ContainSingle(job.Story()).Which;
        graded.RolledBack.Should().BeFalse(graded.Reason);
        graded.RealisedGain.Should().BeApproximately(1.5, 0.15, "4.1 s a step were reckoned with the replica, and a step takes 2.75 s without it");
    }

    [Theory]
    [InlineData(PolicyMode.Act)]
    [InlineData(PolicyMode.Observe)]
    public void Group_ThatEndedByARank_GoesOnWithoutItWhereTheGuardianMayAct(PolicyMode mode)
    {
        JudgedJob job = Dying(mode: mode, factor: (_, _) => 1).RunTo(40);
        var failure = new GroupFailure([new Rank(2)], "rank 2 was not heard of for 30 s");
        foreach (int rank in (int[])[0, 1])
        {
            job.Judge.Add(job.Ranks.ReportOf(rank, []) with { Failure = failure });
            job.Judge.JudgeFrames(null, job.Commit);
        }

        job.Decisions.OfType<HangFound>().Should().ContainSingle(job.Story()).Which.Rank.Should().Be(new Rank(2));
        if (mode == PolicyMode.Act)
        {
            PlanDecided restart = job.Plans.Should().ContainSingle(job.Story()).Which;
            (restart.Kind, restart.Plan.Generation).Should().Be((MitigationKind.Restart, new Generation(1)));
            restart.Plan.Shares.ToArray().Should().HaveElementAt(2, JobPlan.NotMember).And.OnlyContain(share => share == JobPlan.NotMember || share == 4 || share == 5);
            restart.Moves.Should().ContainSingle().Which.Pool.Should().Be("H100", "it hangs, it is not slow");
            restart.Reason.Should().Contain("the job stands still without it").And.Contain("replica 2 hangs: rank 2 was not heard of for 30 s");
        }
        else
        {
            job.Plans.Should().BeEmpty(job.Story());
            job.Judge.Status().PolicyReason.Should().Contain("the mode is observe");
        }
    }

    /// <summary>No step comes after the failure that would decide anew.</summary>
    [Fact]
    public void Restart_ThatCouldNotBeWritten_IsDecidedWithTheNextReport()
    {
        JudgedJob job = Dying(factor: (_, _) => 1).RunTo(40);
        job.Judge.Add(job.Ranks.ReportOf(0, []) with { Failure = new GroupFailure([new Rank(2)], "gone") });
        job.Judge.JudgeFrames(null, _ => null);
        job.Plans.Should().BeEmpty();

        job.Judge.JudgeFrames(null, job.Commit);
        job.Judge.JudgeFrames(null, job.Commit);

        job.Plans.Should().ContainSingle(job.Story()).Which.Kind.Should().Be(MitigationKind.Restart);
        job.Decisions.OfType<HangFound>().Should().ContainSingle(job.Story());
    }

    /// <summary>With the eviction of replica 5 on its way: that one's loss is provided for, another's is not, and that is said.</summary>
    [Theory]
    [InlineData(5, false)]
    [InlineData(2, true)]
    public void Group_ThatEndsWithAMembershipPlanOnItsWay_GetsNoSecondPlanAndAReasonWhereItNeedsOne(int culprit, bool isRefused)
    {
        JudgedJob job = Dying();
        PlanDecided eviction = RunToEviction(job);
        for (int report = 0; report < 2; report++)
        {
            job.Judge.Add(job.Ranks.ReportOf(0, []) with { Failure = new GroupFailure([new Rank(culprit)], $"rank {culprit} is gone") });
            job.Judge.JudgeFrames(null, job.Commit);
        }

        job.Plans.Last().Should().Be(eviction, job.Story());
        job.Decisions.OfType<HangFound>().Should().HaveCount(isRefused ? 1 : 0, job.Story());
        Refusals(job, MitigationKind.Restart).Should().Equal(
            isRefused ? [$"restart without replica 2 is not decided: {eviction.Plan}, which counts on it, is on its way; rank 2 is gone"] : [], job.Story());
    }

    /// <summary>A rank that was lost may have taken whoever saw it by surprise: the first report names nobody.</summary>
    [Fact]
    public void Group_WhoseFirstRankNamesNoCulprit_GoesOnByWhatAnotherSaw()
    {
        JudgedJob job = Dying(factor: (_, _) => 1).RunTo(40);
        job.Judge.Add(job.Ranks.ReportOf(0, []) with { Failure = new GroupFailure([], "the group was aborted") });
        job.Judge.Add(job.Ranks.ReportOf(1, []) with { Failure = new GroupFailure([new Rank(2)], "rank 2 is gone") });
        job.Judge.JudgeFrames(null, job.Commit);

        job.Plans.Should().ContainSingle(job.Story()).Which.Plan.NumberOf(2).Should().BeNegative();
    }

    /// <summary>Nothing is known of the new group's own steps yet, and the guardian was to observe the job's first ones.</summary>
    [Fact]
    public void Group_ThatEndsBeforeItsFirstStep_IsRestartedByWhatThePlanPromised()
    {
        StragglerGuardOptions options = Options(new MitigationSection { FloorShare = 0.25, EvictionsPerHour = 8 });
        JudgedJob job = Three(Begun(PlanWithout3(), standby: null, at: -100), options);
        job.Modes.Set(PolicyMode.Observe, 0);
        job.Modes.Set(PolicyMode.Act, 60);
        job.Judge.Add(job.Ranks.ReportOf(0, []) with { Failure = new GroupFailure([new Rank(1)], "rank 1 is gone") });
        job.Judge.JudgeFrames(null, job.Commit);

        PlanDecided restart = job.Plans.Should().ContainSingle(job.Story()).Which;
        (restart.Kind, restart.Plan.Generation, restart.Step, restart.PredictedStepSeconds).Should().Be((MitigationKind.Restart, new Generation(2), 90, 2.75));
        restart.Plan.Shares.ToArray().Should().Equal(16, JobPlan.NotMember, 16, JobPlan.NotMember);
    }

    [Fact]
    public void Group_NoneOfWhichIsLeft_SaysThatNoOtherCanBeFormed()
    {
        JudgedJob job = Dying(factor: (_, _) => 1).RunTo(40);
        job.Judge.Add(job.Ranks.ReportOf(0, []) with { Failure = new GroupFailure([.. Enumerable.Range(0, 8).Select(rank => new Rank(rank))], "all gone") });
        job.Judge.JudgeFrames(null, job.Commit);

        job.Judge.Status().PolicyReason.Should().Be("no group can be formed without who ended this one: all gone");
    }

    /// <summary>A guardian that takes over sees the same slow rank and the same refusal, and reads that both were told.</summary>
    [Fact]
    public void Successor_ThatFindsTheSameAnew_TellsOnlyWhatIsNew()
    {
        StragglerGuardOptions options = Options(new MitigationSection { FloorShare = 1 });
        long well = long.MaxValue;
        JudgedJob first = Dying(options: options, factor: (rank, step) => rank == 5 && step >= Onset && (step < well || step >= well + 100) ? 12 : 1).RunTo(400);
        first.Judge.Add(first.Ranks.ReportOf(0, []) with { Failure = new GroupFailure([new Rank(2)], "gone") });
        first.Judge.JudgeFrames(null, first.Commit);
        first.Decisions.OfType<StragglerFound>().Should().ContainSingle(first.Story());
        int refusals = first.Decisions.OfType<MitigationRefused>().Count();
        refusals.Should().BeGreaterThan(0, first.Story());
        JobContext context = Context();
        foreach (LedgerEntry entry in first.Ledger.Read())
        {
            context.Book.Apply(entry);
        }

        var second = new JudgedJob(first.Ranks, ledger: first.Ledger, options: options, context: context);
        second.RunTo(800);
        second.Judge.Add(first.Ranks.ReportOf(0, []) with { Failure = new GroupFailure([new Rank(2)], "gone") });
        second.Judge.JudgeFrames(null, second.Commit);

        second.Decisions.OfType<StragglerFound>().Should().ContainSingle(second.Story());
        second.Decisions.OfType<MitigationRefused>().Should().HaveCount(refusals, second.Story());
        second.Decisions.OfType<HangFound>().Should().ContainSingle(second.Story());

        well = second.Ranks.NextStep;
        second.RunTo(1_100);
        second.Decisions.OfType<StragglerCleared>().Should().ContainSingle(second.Story());
        second.Decisions.OfType<StragglerFound>().Should().HaveCount(2, "it was well in between: {0}", second.Story());
    }

    /// <summary>Five of eight can't hold what eight did: nothing is decided that nobody can compute.</summary>
    [Theory]
    [InlineData(6, false)]
    [InlineData(7, true)]
    public void Group_WhoseRestCantHoldTheBatch_IsNotRestarted(int microBatchesMax, bool isRestarted)
    {
        StragglerGuardOptions options = Options(new MitigationSection { FloorShare = 0.25, EvictionsPerHour = 8 });
        JudgedJob job = Dying(options: options, factor: (_, _) => 1, microBatchesMax: microBatchesMax).RunTo(40);
        job.Judge.Add(job.Ranks.ReportOf(0, []) with { Failure = new GroupFailure([new Rank(2), new Rank(3), new Rank(4)], "gone") });
        job.Judge.JudgeFrames(null, job.Commit);

        job.Plans.Select(plan => plan.Plan.Deal.MicroBatches.ToArray().Max()).Should().Equal(isRestarted ? [7] : [], job.Story());
        job.Decisions.OfType<HangFound>().Should().HaveCount(3);
    }

    [Fact]
    public void Restart_ThatIsInForce_IsNotGraded()
    {
        PlanDecided restart = PlanWithout3() with { Kind = MitigationKind.Restart, PredictedGain = double.PositiveInfinity };
        JudgedJob job = Three(Begun(restart, standby: null, at: -100) with { FormerSecondsPerUnit = 1.0 / 32 }).RunTo(200);

        job.Decisions.Should().NotContain(decision => decision is PlanGraded, "the job stood still before");
    }

    [Fact]
    public void Replay_OfAnEviction_GivesTheSameLedger()
    {
        JudgedJob live = Dying();
        RunToEviction(live);
        JudgedJob replay = Dying(isReplay: true);
        foreach (List<StepTiming> records in live.Heard)
        {
            replay.Hear(records);
        }

        replay.Ledger.Read().Should().Equal(live.Ledger.Read());
    }

    private static JudgedJob Dying(
        PolicyMode mode = PolicyMode.Act, StragglerGuardOptions? options = null, Func<int, long, double>? factor = null, JobContext? context = null,
        bool isReplay = false, int microBatchesMax = 32, Func<int, double>? trial = null)
    {
        var ranks = new VirtualRanks(seed: 31, total: 32, [.. Enumerable.Repeat(Pace, 8)])
        {
            MicroBatchesMax = microBatchesMax,
            Factor = factor ?? ((rank, step) => rank == 5 && step >= Onset ? 12 : 1),
            Abilities = RankAbilities.Rebalance | RankAbilities.Regroup | (trial is null ? RankAbilities.None : RankAbilities.Trial),
            TrialFactor = trial ?? (_ => 1),
        };
        return new JudgedJob(ranks, mode, options: options, context: context ?? Context()) { IsReplay = isReplay };
    }

    private static PlanDecided RunToEviction(JudgedJob job)
    {
        while (!job.Plans.Any(plan => plan.Kind == MitigationKind.Evict))
        {
            job.Ranks.NextStep.Should().BeLessThan(2_000, job.Story());
            job.RunTo(job.Ranks.NextStep + 3);
        }

        return job.Plans.Last();
    }

    /// <summary>Generation 1 of four slots, without slot 3.</summary>
    private static JudgedJob Three(JobContext context, StragglerGuardOptions? options = null)
    {
        var ranks = new VirtualRanks(seed: 32, total: 32, Pace, Pace, Pace)
        {
            Generation = new Generation(1),
            MemberSlots = [0, 1, 2],
            Slots = 4,
            Abilities = RankAbilities.Rebalance | RankAbilities.Regroup,
            InForce = new MicroBatchDeal(new PlanEpoch(7), [11, 11, 10]),
        };
        var ledger = new InMemoryLedger();
        for (long number = 1; number <= 7; number++)
        {
            // The plan in force is entry 7 of this ledger: what comes next is newer.
            ledger.Append(number, DateTimeOffset.UnixEpoch, new ModeChanged(Job, default, 0, PolicyMode.Act, "the operator"));
        }

        return new JudgedJob(ranks, ledger: ledger, options: options ?? Options(new MitigationSection { RegroupSeconds = 1 }), context: context);
    }

    private static PlanDecided PlanWithout3() => new(
        Job, default, 90, MitigationKind.Evict, new JobPlan(new PlanEpoch(7), new Generation(1), [11, 11, 10, JobPlan.NotMember]), 2.75, 1.5, "it was slow")
    {
        Moves = [new WorkerMove(3, Worker(3), "H100 at 0.08")],
    };

    private static WorkerId Worker(int slot) => new(new NodeId("node"), $"GPU-{slot}");

    private static JobContext Context() => JobContext.New(new MitigationOptions());

    private static JobContext Begun(PlanDecided plan, double? standby, double at)
    {
        JobContext context = Context() with
        {
            Begun = plan,
            Standby = new SortedDictionary<int, StandbyReport> { [3] = new StandbyReport(Job, 3, 4, Worker(3), new DeviceClass("H100"), standby) },
        };
        Apply(context, plan, at, 7);
        foreach (LedgerDecision due in GenerationMoves.Of(plan, context.Book))
        {
            Apply(context, due, at);
        }

        return context;
    }

    private static void Apply(JobContext context, LedgerDecision decision, double at = 0, long sequence = 1) =>
        context.Book.Apply(new LedgerEntry(sequence, DateTimeOffset.UnixEpoch.AddSeconds(at), decision));

    private static StragglerGuardOptions Options(MitigationSection mitigation) => new() { Mitigation = mitigation };

    private static IEnumerable<string> Refusals(JudgedJob job, MitigationKind kind) =>
        job.Decisions.OfType<MitigationRefused>().Where(refused => refused.Kind == kind).Select(refused => refused.Reason);

    private static (double Forgone, double Cost) Forgone(string reason)
    {
        string[] words = reason.Split(' ');
        int at = Array.IndexOf(words, "forgone");
        return (double.Parse(words[at - 2], System.Globalization.CultureInfo.InvariantCulture),
            double.Parse(words[at + 7], System.Globalization.CultureInfo.InvariantCulture));
    }
}
