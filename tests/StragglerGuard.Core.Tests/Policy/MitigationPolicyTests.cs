using StragglerGuard.Core.Policy;
using static StragglerGuard.Core.Tests.Policy.MitigationInputs;

namespace StragglerGuard.Core.Tests.Policy;

public sealed class MitigationPolicyTests
{
    private static readonly MitigationPolicy Policy = new(new MitigationOptions());

    [Fact]
    public void Decide_NothingObjects_ProposesWithAllNumbers()
    {
        var proposed = Proposed(Of(Rebalance(1.25)));

        proposed.Candidate.Kind.Should().Be(MitigationKind.Rebalance);
        proposed.Acted.Should().BeTrue();
        proposed.Refusals.Should().BeEmpty();
        proposed.Reason.Should().Be(
            "rebalance: what-if says so of Rebalance; 0.8 s a step, 1.250 times the samples per second; "
            + "a gain of 20.0 % where 2.0 % is needed, 1000 s forgone so far against a cost of 0.1 s");
    }

    [Theory]
    [InlineData(PolicyMode.Observe, false, "the mode is observe: shown, not carried out")]
    [InlineData(PolicyMode.Advise, false, "the mode is advise: told, not carried out")]
    [InlineData(PolicyMode.Act, true, "where 2.0 % is needed")]
    public void Decide_AnyMode_TakesTheSameActionAndEvictsInOneOnly(PolicyMode mode, bool acted, string text)
    {
        var proposed = Proposed(Of(Evict()) with { Mode = mode });

        proposed.Candidate.Kind.Should().Be(MitigationKind.Evict);
        proposed.Acted.Should().Be(acted);
        proposed.Reason.Should().Contain(text).And.Contain("replica 3 is slow beyond doubt; e-value 2.1e9 of 1.5e9");
    }

    [Fact]
    public void Decide_NoCandidates_HoldsForWantOfAny() => Held(Of(), RefusalCause.NoCandidate, "no planner offers anything to do");

    [Fact]
    public void Decide_NoCandidatesAndAPlanPending_NamesThePlan() =>
        Held(Of() with { PendingPlan = new PlanEpoch(9) }, RefusalCause.PlanPending, "the plan of epoch 9 is not in force yet");

    [Fact]
    public void Decide_PlanPending_HoldsNamingIt() =>
        Held(Of(Rebalance()) with { PendingPlan = new PlanEpoch(9) }, RefusalCause.PlanPending, "the plan of epoch 9 is not in force yet");

    [Fact]
    public void Decide_ObserverUnwell_HoldsWithItsComplaint() => Held(
        Of(Rebalance()) with { ObserverComplaint = "it was paused for 8 s" },
        RefusalCause.ObserverUnwell,
        "the guard distrusts its own view: it was paused for 8 s");

    [Fact]
    public void Decide_WithinTheCoolDown_HoldsCountingTheSteps()
    {
        Held(Of(Rebalance()) with { StepsSinceLastPlan = 19 }, RefusalCause.CoolDown, "19 of 20 steps of cool-down since the last plan");
        Proposed(Of(Rebalance()) with { StepsSinceLastPlan = 20 }).Candidate.Kind.Should().Be(MitigationKind.Rebalance);
    }

    [Fact]
    public void Decide_OverHalfOfAGroupFlagged_DoesNothingAtAll()
    {
        var input = Of(Rebalance()) with { Groups = [new FlaggedGroup("the job", 8, 1), new FlaggedGroup("stage 2", 4, 3)] };

        Held(input, RefusalCause.Brake, "3 of 4 members of stage 2 are flagged, more than 50 %: the cause is common");
        Proposed(input with { Groups = [new FlaggedGroup("stage 2", 4, 2)] }).Candidate.Kind.Should().Be(MitigationKind.Rebalance);
    }

    [Fact]
    public void Decide_PlannerObjects_HandsItsNumbersOn() => Held(
        Of(Backup() with { PlannerObjection = "not waiting for 1 of 8 would give 0.891 of the samples per second" }),
        RefusalCause.PlannerObjects,
        "backup workers: not waiting for 1 of 8 would give 0.891 of the samples per second");

    [Fact]
    public void Decide_KindAtRest_SaysForHowLong()
    {
        var input = Of(Rebalance()) with { Rests = AtRest(MitigationKind.Rebalance, 10_120, 2) };

        Held(input, RefusalCause.KindAtRest, "rebalance rests for another 120 s: plans of that kind fell short 2 times in a row");
        Proposed(input with { NowSeconds = 10_120 }).Candidate.Kind.Should().Be(MitigationKind.Rebalance);
        Proposed(Of(Rebalance()) with { Rests = AtRest(MitigationKind.Evict, 10_120, 2) }).Candidate.Kind.Should().Be(MitigationKind.Rebalance);
    }

    [Fact]
    public void Decide_GainBelowTwoPercent_HoldsWithBothNumbers() => Held(
        Of(Rebalance(1.015)),
        RefusalCause.LittleGain,
        "rebalance would win 1.5 % at 0.9852 s a step; it needs more than 2.0 %, the larger of 2.0 % and its cost of 0.1 s over 600 s");

    [Fact]
    public void Decide_GainBelowCostOverHorizon_HoldsWithTheCost() => Held(
        Of(Evict(1.09) with { OneOffCostSeconds = 60 }),
        RefusalCause.LittleGain,
        "eviction of replica 3 would win 8.3 % at 0.9174 s a step; it needs more than 10.0 %, the larger of 2.0 % and its cost of 60 s over 600 s");

    [Fact]
    public void Decide_ActionAndItsUndoing_AreNeverBothWorthIt()
    {
        for (var percent = 90.0; percent <= 110; percent += 0.1)
        {
            var there = Policy.Decide(Of(Rebalance(percent / 100)));
            var back = Policy.Decide(Of(Rebalance(100 / percent)));

            (there is MitigationDecision.Propose && back is MitigationDecision.Propose).Should().BeFalse($"a ratio of {percent} %");
        }
    }

    [Fact]
    public void Decide_VerdictEnded_GoesBackWithoutGainButNotAtALoss()
    {
        Proposed(Of(Rebalance(0.995) with { EndsWithVerdict = true, ForgoneSeconds = 0 })).Reason
            .Should().Contain("no verdict asks for the present deal any more");
        Held(
            Of(Rebalance(0.98) with { EndsWithVerdict = true }),
            RefusalCause.LittleGain,
            "going back to the former deal would lose 2.0 %, more than 1.0 %");
    }

    [Fact]
    public void Decide_VerdictEndedWhileItsKindRests_StillGoesBack() =>
        Proposed(Of(Rebalance(1) with { EndsWithVerdict = true }) with { Rests = AtRest(MitigationKind.Rebalance, 10_120, 2) })
            .Candidate.EndsWithVerdict.Should().BeTrue();

    [Fact]
    public void Decide_EvictionSaidToEndWithAVerdict_NeedsItsGainAllTheSame() =>
        Held(Of(Evict(1) with { EndsWithVerdict = true }), RefusalCause.LittleGain, "eviction of replica 3 would win 0.0 %");

    [Fact]
    public void Decide_RestartOfAll_NeedsNoGateAndCountsAsOneEviction()
    {
        var input = Of(Restart(1.5)) with { Replicas = [], EvictionsAtSeconds = [9_000] };

        Proposed(input).Candidate.Kind.Should().Be(MitigationKind.Restart);
        Held(input with { EvictionsAtSeconds = [9_000, 9_100] }, RefusalCause.BudgetSpent, "restart: 2 of 2 evictions of this hour are spent");
    }

    [Theory]
    [InlineData(MitigationKind.Deadline, "deadline")]
    [InlineData(MitigationKind.Backup, "backup workers")]
    public void Decide_FleetWithoutTails_DeclinesWithTheNumbers(MitigationKind kind, string name)
    {
        var calm = Candidate(kind, 1.5, 0.1) with { Tails = new TailEvidence(64, 1.0, 1.02, 4, 0.01) };

        Held(
            Of(calm),
            RefusalCause.NoTail,
            $"{name}: no tails; the slowest replica takes 1.02 s a step against 1 s of the median one, 2.0 % more over 64 steps, and 5.0 % is asked for");
    }

    [Theory]
    [InlineData(MitigationKind.Deadline, "deadline")]
    [InlineData(MitigationKind.Backup, "backup workers")]
    public void Decide_ReplicaThatIsAlwaysLate_IsNeverCutOff(MitigationKind kind, string name)
    {
        var always = Candidate(kind, 1.5, 0.1) with { Tails = new TailEvidence(64, 1.0, 1.7, 3, 0.97) };

        Held(
            Of(always),
            RefusalCause.AlwaysLate,
            $"{name}: replica 3 is late in 97 % of 64 steps, more than 50 %: one that is always late is dealt less work or leaves");
    }

    [Fact]
    public void Decide_TooFewStepsToSeeTailsBy_SaysHowMany()
    {
        Held(
            Of(Backup() with { Tails = new TailEvidence(31, 1.0, 3.0, 4, 0.1) }),
            RefusalCause.LittleEvidence,
            "backup workers: 31 steps are too few to see tails by; 32 are needed");
        Held(Of(Deadline() with { Tails = null }), RefusalCause.LittleEvidence, "deadline: 0 steps are too few to see tails by; 32 are needed");
    }

    [Fact]
    public void Decide_Over30PercentOfAGroupFlagged_EvictsNobody()
    {
        var input = Of(Evict()) with { Groups = [new FlaggedGroup("the job", 8, 3)] };

        Held(
            input,
            RefusalCause.DestructiveBrake,
            "eviction of replica 3: 3 of 8 members of the job are flagged, more than 30 %: nothing destructive");
        Proposed(input with { Groups = [new FlaggedGroup("the job", 10, 3)] }).Candidate.Kind.Should().Be(MitigationKind.Evict);
        Proposed(input with { Candidates = [Rebalance()] }).Candidate.Kind.Should().Be(MitigationKind.Rebalance);
    }

    [Fact]
    public void Decide_GateClosed_EvictsNobody()
    {
        var doubted = SlowReplica(3) with { IsBeyondDoubt = false, GateReason = "e-value 3.2e4 of 1.5e9" };

        Held(
            Of(Evict()) with { Replicas = [doubted] },
            RefusalCause.GateClosed,
            "eviction of replica 3: the evidence against replica 3 is not beyond doubt: e-value 3.2e4 of 1.5e9");
        Held(
            Of(Evict(1.5, 3, 5)),
            RefusalCause.GateClosed,
            "eviction of replicas 3, 5: the evidence against replica 5 is not beyond doubt: there is no evidence on it");
    }

    [Fact]
    public void Decide_ProbeSaysFit_VetoesAnEviction()
    {
        var probed = SlowReplica(3) with { Probe = ProbeOpinion.Fit, ProbeReason = "51 GFLOP/s, peers 50" };

        Held(
            Of(Evict()) with { Replicas = [probed] },
            RefusalCause.ProbeDisagrees,
            "eviction of replica 3: a probe found replica 3 fit: 51 GFLOP/s, peers 50");
    }

    [Theory]
    [InlineData(ProbeOpinion.Slow, "a probe confirms that replica 3 is slow; 29 GFLOP/s")]
    [InlineData(ProbeOpinion.Unknown, "a probe of replica 3 could not tell; 29 GFLOP/s")]
    public void Decide_ProbeDoesNotSpeakAgainstIt_EvictsAndSaysSo(ProbeOpinion probe, string text) =>
        Proposed(Of(Evict()) with { Replicas = [SlowReplica(3) with { Probe = probe, ProbeReason = "29 GFLOP/s" }] }).Reason
            .Should().EndWith(text);

    [Fact]
    public void Decide_FloorReached_EvictsNobody()
    {
        var input = Of(Evict()) with { Members = 6 };

        Held(
            input,
            RefusalCause.Floor,
            "eviction of replica 3 would leave 5 members; the floor is 6 (75 % of the first 8, and 2 at least)");
        Proposed(input with { Members = 7 }).Candidate.Kind.Should().Be(MitigationKind.Evict);
        Held(
            input with { InitialMembers = 2, Members = 2, Groups = [] },
            RefusalCause.Floor,
            "eviction of replica 3 would leave 1 members; the floor is 2 (75 % of the first 2, and 2 at least)");
    }

    [Fact]
    public void Decide_BudgetSpent_EvictsNobodyUntilTheHourIsOver()
    {
        var input = Of(Evict()) with { EvictionsAtSeconds = [9_000, 7_000, 6_000] };

        // 6,000 + 3,600 is over; of the other two the older makes room at 10,600.
        Held(
            input,
            RefusalCause.BudgetSpent,
            "eviction of replica 3: 2 of 2 evictions of this hour are spent; there is room in 600 s");
        Proposed(input with { NowSeconds = 10_600 }).Candidate.Kind.Should().Be(MitigationKind.Evict);
        Held(
            input with { EvictionsAtSeconds = [99_000, 99_000] },
            RefusalCause.BudgetSpent,
            "eviction of replica 3: 2 of 2 evictions of this hour are spent; there is room in 92600 s");
    }

    [Fact]
    public void Decide_MoreReplicasAtOnceThanTheBudget_EvictsNone()
    {
        var policy = new MitigationPolicy(new MitigationOptions { EvictionsPerHour = 1 });

        var hold = policy.Decide(Of(Evict(1.5, 3, 5)) with { Replicas = [SlowReplica(3), SlowReplica(5)] });

        hold.Reason.Should().Be("eviction of replicas 3, 5 counts as 2 evictions; the budget is 1 an hour");
    }

    [Fact]
    public void Decide_OnProbation_ReadmitsNobodyBeforeItIsOver()
    {
        var input = Of(Readmit()) with
        {
            Members = 7,
            Replicas = [new ReplicaEvidence { Replica = 3, Probe = ProbeOpinion.Fit, ProbeReason = "50 GFLOP/s" }],
            Probations = [new ProbationTerm(3, 10_300, 2)],
        };

        Held(
            input,
            RefusalCause.OnProbation,
            "readmission of replica 3: replica 3 is on probation for another 300 s (term 2, each twice the one before)");
        Proposed(input with { NowSeconds = 10_300 }).Reason.Should().EndWith("a probe found replica 3 fit; 50 GFLOP/s");
    }

    [Fact]
    public void Decide_NotProbedFit_ReadmitsNobody()
    {
        var input = Of(Readmit()) with { Members = 7, Replicas = [] };

        Held(input, RefusalCause.ProbeDisagrees, "readmission of replica 3: no probe has found replica 3 fit yet");
        Held(
            input with { Replicas = [new ReplicaEvidence { Replica = 3, Probe = ProbeOpinion.Slow, ProbeReason = "29 GFLOP/s, peers 50" }] },
            RefusalCause.ProbeDisagrees,
            "readmission of replica 3: a probe found replica 3 slow: 29 GFLOP/s, peers 50");
        new MitigationPolicy(new MitigationOptions { ReadmitNeedsProbe = false }).Decide(input)
            .Should().BeOfType<MitigationDecision.Propose>();
    }

    [Fact]
    public void Decide_LessForgoneThanItCosts_WaitsAndSaysForWhat()
    {
        Held(
            Of(Evict() with { ForgoneSeconds = 4.9 }),
            RefusalCause.CostNotReached,
            "eviction of replica 3 costs 5 s once; it would have given back 4.9 s so far, and is taken once that has reached its cost");
        Proposed(Of(Evict() with { ForgoneSeconds = 5 })).Candidate.Kind.Should().Be(MitigationKind.Evict);
    }

    [Fact]
    public void Decide_GentlerActionAsGood_TakesItAndSaysWhyNotTheOther()
    {
        var proposed = Proposed(Of(Evict(1.32), Rebalance(1.3)));

        proposed.Candidate.Kind.Should().Be(MitigationKind.Rebalance);
        var refusal = proposed.Refusals.Should().ContainSingle().Subject;
        refusal.Kind.Should().Be(MitigationKind.Evict);
        refusal.Replicas.Should().Equal(3);
        refusal.Cause.Should().Be(RefusalCause.BetterChoice);
        refusal.Reason.Should().Be("eviction of replica 3 wins 1.5 % over rebalance, which is gentler, and would need more than 2.0 %");
    }

    [Fact]
    public void Decide_HarderActionClearlyBetter_TakesIt()
    {
        var proposed = Proposed(Of(Rebalance(1.1), Evict(1.4)));

        proposed.Candidate.Kind.Should().Be(MitigationKind.Evict);
        proposed.Refusals.Should().ContainSingle().Which.Reason.Should().Be(
            "rebalance wins no more than eviction of replica 3 (9.1 % against 28.6 %)");
    }

    [Fact]
    public void Decide_AllEquallyGood_FollowsTheLadder()
    {
        MitigationCandidate[] ladder = [Rebalance(1.5), Deadline(), Backup(), Evict(1.5), Restart(1.5)];
        for (var first = 0; first < ladder.Length; first++)
        {
            var left = ladder[first..].Reverse().ToArray();

            var proposed = Proposed(Of(left));

            proposed.Candidate.Kind.Should().Be(ladder[first].Kind);
            proposed.Refusals.Select(refusal => refusal.Kind).Should().Equal(left[..^1].Select(candidate => candidate.Kind));
        }
    }

    [Fact]
    public void Decide_OneCandidateRefused_TakesTheOtherAndKeepsTheReason()
    {
        var proposed = Proposed(Of(Rebalance(1.1), Evict()) with { Groups = [new FlaggedGroup("the job", 8, 4)] });

        proposed.Candidate.Kind.Should().Be(MitigationKind.Rebalance);
        proposed.Refusals.Should().ContainSingle().Which.Cause.Should().Be(RefusalCause.DestructiveBrake);
    }

    [Fact]
    public void Decide_AllRefused_HoldsForTheOneThatWouldWinMost()
    {
        var hold = Held(
            Of(Rebalance(1.01), Evict() with { ForgoneSeconds = 1 }, Readmit(1.02)),
            RefusalCause.CostNotReached,
            "eviction of replica 3 costs 5 s once; it would have given back 1 s so far, and is taken once that has reached its cost (2 more refused)");

        hold.Refusals.Select(refusal => refusal.Kind).Should().Equal(MitigationKind.Rebalance, MitigationKind.Evict, MitigationKind.Readmit);
    }

    [Fact]
    public void Decide_JobHangs_WaitsNeitherForStepsNorForTheGate()
    {
        var hung = new ReplicaEvidence { Replica = 3, HangReason = "silent for 42 s", Probe = ProbeOpinion.Fit, ProbeReason = "50 GFLOP/s" };
        var input = Of(Hung(Restart(double.PositiveInfinity, 3))) with
        {
            Replicas = [hung],
            PendingPlan = new PlanEpoch(9),
            StepsSinceLastPlan = 1,
        };

        var proposed = Proposed(input);

        proposed.Candidate.Kind.Should().Be(MitigationKind.Restart);
        proposed.Reason.Should().Contain("restart without replica 3").And.Contain("the job stands still without it")
            .And.Contain("replica 3 hangs: silent for 42 s");
        Held(
            input with { Candidates = [Hung(Evict(double.PositiveInfinity))] },
            RefusalCause.ProbeDisagrees,
            "eviction of replica 3: a probe found replica 3 fit: 50 GFLOP/s");
    }

    [Fact]
    public void Decide_JobHangs_KeepsTheOtherRules()
    {
        var input = Of(Hung(Restart(double.PositiveInfinity, 3))) with
        {
            Replicas = [new ReplicaEvidence { Replica = 3, HangReason = "silent for 42 s" }],
        };

        Held(input with { EvictionsAtSeconds = [9_990, 9_990] }, RefusalCause.BudgetSpent, "there is room in 3590 s");
        Held(input with { Members = 6 }, RefusalCause.Floor, "restart without replica 3 would leave 5 members");
        Held(input with { Groups = [new FlaggedGroup("the job", 8, 3)] }, RefusalCause.DestructiveBrake, "nothing destructive");
        Held(input with { ObserverComplaint = "it was paused" }, RefusalCause.ObserverUnwell, "it was paused");
        Held(
            input with { Candidates = [Hung(Restart(double.PositiveInfinity, 3)) with { ForgoneSeconds = 20 }] },
            RefusalCause.CostNotReached,
            "restart without replica 3 costs 60 s once");
    }

    [Fact]
    public void Decide_SameInputAgain_DecidesTheSame()
    {
        var input = Of(Rebalance(1.1), Evict(), Backup() with { Tails = null });

        new MitigationPolicy(new MitigationOptions()).Decide(input).Should().BeEquivalentTo(Policy.Decide(input), options => options.RespectingRuntimeTypes());
    }

    [Fact]
    public void Decide_MalformedInput_NamesWhatIsWrong()
    {
        void Throws(MitigationInput input, string text) =>
            FluentActions.Invoking(() => Policy.Decide(input)).Should().Throw<ArgumentException>().WithMessage($"*{text}*");

        Throws(Of(Rebalance()) with { NowSeconds = double.NaN }, "NowSeconds = NaN");
        Throws(Of(Rebalance()) with { Members = 0 }, "Members = 0");
        Throws(Of(Rebalance()) with { InitialMembers = 0 }, "InitialMembers = 0");
        Throws(Of(Rebalance()) with { Candidates = default }, "Candidates is missing");
        Throws(Of(Rebalance()) with { Groups = [new FlaggedGroup("the job", 3, 4)] }, "4 of 3 members of the job");
        Throws(Of(Rebalance()) with { EvictionsAtSeconds = [double.NaN] }, "EvictionsAtSeconds: NaN");
        Throws(Of(Candidate(MitigationKind.None, 1.2, 0)), "Kind = None");
        Throws(Of(Rebalance(), Rebalance(double.NaN)), "Candidates[1]");
        Throws(Of(Rebalance() with { Prediction = new MitigationPrediction(1, 0) }), "SamplesPerSecondRatio = 0");
        Throws(Of(Rebalance() with { OneOffCostSeconds = -1 }), "OneOffCostSeconds = -1");
        Throws(Of(Rebalance() with { ForgoneSeconds = double.PositiveInfinity }), "ForgoneSeconds = Infinity");
        Throws(Of(Evict() with { Replicas = [] }), "Replicas is empty, and its kind is Evict");
        Throws(Of(Evict(1.4, 3, 3)), "Replicas = 3, 3 has a replica twice");
        FluentActions.Invoking(() => Policy.Decide(null!)).Should().Throw<ArgumentNullException>();
    }

    private static MitigationCandidate Hung(MitigationCandidate candidate) =>
        candidate with { Prediction = new MitigationPrediction(1, double.PositiveInfinity) };

    private static MitigationDecision.Propose Proposed(MitigationInput input) =>
        Policy.Decide(input).Should().BeOfType<MitigationDecision.Propose>().Subject;

    private static MitigationDecision.Hold Held(MitigationInput input, RefusalCause cause, string reason)
    {
        var hold = Policy.Decide(input).Should().BeOfType<MitigationDecision.Hold>().Subject;
        hold.Cause.Should().Be(cause);
        hold.Reason.Should().Contain(reason);
        hold.Refusals.Should().HaveCount(input.Candidates.Length);
        return hold;
    }
}
