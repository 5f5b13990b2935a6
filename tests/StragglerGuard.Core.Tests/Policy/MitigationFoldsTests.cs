using StragglerGuard.Core.Policy;
using static StragglerGuard.Core.Tests.Policy.MitigationInputs;

namespace StragglerGuard.Core.Tests.Policy;

public sealed class MitigationFoldsTests
{
    private static readonly MitigationOptions Options = new();

    [Fact]
    public void EvictionBudget_AfterAnHour_ForgetsWhatNoLongerCounts()
    {
        var budget = new EvictionBudget();

        budget.Spend(100, replicas: 2);
        budget.Spend(3_000);
        budget.Snapshot().Should().Equal(100, 100, 3_000);

        budget.Spend(3_700);
        budget.Snapshot().Should().Equal(3_000, 3_700);
    }

    [Fact]
    public void EvictionBudget_NoTimeOrNobody_Throws()
    {
        FluentActions.Invoking(() => new EvictionBudget().Spend(double.NaN)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new EvictionBudget().Spend(1, 0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void EvictionBudget_AnySequenceOfAskedAndGranted_NeverExceedsTheBudgetInAnyHour()
    {
        const int Seed = 8102;
        var random = new Random(Seed);
        var policy = new MitigationPolicy(Options);
        var budget = new EvictionBudget();
        var granted = new List<double>();
        double now = 0;
        for (var i = 0; i < 500; i++)
        {
            now += random.NextDouble() * 900;
            if (policy.Decide(Of(Evict()) with { NowSeconds = now, EvictionsAtSeconds = budget.Snapshot() }) is MitigationDecision.Propose)
            {
                budget.Spend(now);
                granted.Add(now);
            }
        }

        granted.Should().HaveCountGreaterThan(50, $"seed {Seed}");
        granted.Zip(granted.Skip(2), (first, third) => third - first).Should().OnlyContain(hours => hours >= 3_600, $"seed {Seed}");
    }

    [Fact]
    public void Probation_EachEviction_DoublesTheTerm()
    {
        var probation = new Probation(Options);

        probation.Evicted(3, 0).Should().Be(new ProbationTerm(3, 300, 1));
        probation.Evicted(3, 50).Should().Be(new ProbationTerm(3, 300, 1), "it is out already");
        probation.Readmitted(3, 300);
        probation.Snapshot().Should().BeEmpty();
        probation.Evicted(3, 300 + 1_800).Should().Be(new ProbationTerm(3, 2_100 + 600, 2));
        probation.Evicted(1, 2_200);
        probation.Snapshot().Should().Equal(new ProbationTerm(1, 2_500, 1), new ProbationTerm(3, 2_700, 2));
    }

    [Fact]
    public void Probation_EvictedSoonAfterItsReadmission_RestsFourTimesAsLong()
    {
        var probation = new Probation(Options);
        double now = 0;
        var lengths = new List<double>();
        for (var i = 0; i < 6; i++)
        {
            var term = probation.Evicted(3, now);
            lengths.Add(term.UntilSeconds - now);
            probation.Readmitted(3, term.UntilSeconds);
            now = term.UntilSeconds + 60;
        }

        lengths.Should().Equal(300, 1_200, 4_800, 19_200, 76_800, 86_400);
    }

    [Fact]
    public void Probation_StayedForADay_BeginsAnew()
    {
        var probation = new Probation(Options);
        probation.Evicted(3, 0);
        probation.Readmitted(3, 400);
        probation.Evicted(3, 500);
        probation.Readmitted(3, 2_000);

        probation.Evicted(3, 2_000 + 86_400).Terms.Should().Be(1);
    }

    [Fact]
    public void Probation_ReadmissionOfWhoWasNotOut_ChangesNothing()
    {
        var probation = new Probation(Options);
        probation.Readmitted(3, 100);
        probation.Evicted(3, 200).Terms.Should().Be(1);
        FluentActions.Invoking(() => probation.Evicted(-1, 0)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => probation.Readmitted(1, double.NaN)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void RestingKinds_EachDisappointment_DoublesTheRestUntilOneHolds()
    {
        var rests = new RestingKinds(Options);

        rests.Disappointed(MitigationKind.Backup, 0).Should().Be(new KindRest(MitigationKind.Backup, 600, 1));
        rests.Disappointed(MitigationKind.Backup, 1_000).Should().Be(new KindRest(MitigationKind.Backup, 2_200, 2));
        rests.Disappointed(MitigationKind.Rebalance, 1_000).Times.Should().Be(1);
        rests.Snapshot().Select(rest => rest.Kind).Should().Equal(MitigationKind.Rebalance, MitigationKind.Backup);

        rests.Held(MitigationKind.Backup);
        rests.Disappointed(MitigationKind.Backup, 5_000).Should().Be(new KindRest(MitigationKind.Backup, 5_600, 1));
        for (var i = 0; i < 2_000; i++)
        {
            rests.Disappointed(MitigationKind.Backup, 6_000);
        }

        rests.Snapshot()[^1].UntilSeconds.Should().Be(6_000 + 86_400);
        FluentActions.Invoking(() => rests.Disappointed(MitigationKind.None, 0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void ForgoneTime_FirstSight_CountsFromTheOnset()
    {
        var forgone = new ForgoneTime();

        forgone.Observe(9_100, [Evict(2) with { ForgoneSeconds = 77 }]).Single().ForgoneSeconds.Should().Be(50);
        forgone.Observe(9_110, [Evict(2)]).Single().ForgoneSeconds.Should().Be(55);
    }

    [Fact]
    public void ForgoneTime_AfterAGentlerActionHelped_GrowsBySoMuchLess()
    {
        var forgone = new ForgoneTime();

        forgone.Observe(9_000, [Evict(2)]);
        forgone.Observe(9_010, [Evict(2)]).Single().ForgoneSeconds.Should().Be(5);
        forgone.Observe(9_020, [Evict(1.25)]).Single().ForgoneSeconds.Should().BeApproximately(7, 1e-9);
        forgone.Observe(9_030, [Evict(0.5)]).Single().ForgoneSeconds.Should().Be(0, "it would have lost in that time, more than it had forgone");
        forgone.Observe(9_040, [Evict(2)]).Single().ForgoneSeconds.Should().Be(5, "past losses are no credit");
    }

    [Fact]
    public void ForgoneTime_StandingJob_LosesAllOfTheTime() =>
        new ForgoneTime().Observe(9_042, [Evict() with { Prediction = new MitigationPrediction(1, double.PositiveInfinity) }]).Single()
            .ForgoneSeconds.Should().Be(42);

    [Fact]
    public void ForgoneTime_LaterOnset_IsAnotherStraggler()
    {
        var forgone = new ForgoneTime();
        forgone.Observe(9_100, [Evict(2)]);

        forgone.Observe(9_200, [Evict(2) with { OnsetSeconds = 9_190 }]).Single().ForgoneSeconds.Should().Be(5);
    }

    [Fact]
    public void ForgoneTime_WhileNobodyOfferedIt_CountsNothingAndForgetsAfterAnHour()
    {
        var forgone = new ForgoneTime();
        forgone.Observe(9_100, [Evict(2), Evict(2, 5)]).Select(candidate => candidate.ForgoneSeconds).Should().Equal(50, 50);

        forgone.Observe(9_200, [Evict(2, 5)]).Single().ForgoneSeconds.Should().Be(100);
        forgone.Observe(9_210, [Evict(2)]).Single().ForgoneSeconds.Should().Be(50);
        forgone.Observe(9_000, [Evict(2)]).Single().ForgoneSeconds.Should().Be(50, "the clock went back");
        forgone.Observe(99_000, []).Should().BeEmpty();
        forgone.Observe(99_000, [Evict(2) with { OnsetSeconds = 98_990 }]).Single().ForgoneSeconds.Should().Be(5);
        FluentActions.Invoking(() => forgone.Observe(double.NaN, [])).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void TailEvidence_OfHandMadeSteps_IsAsCountedByHand()
    {
        double[] steps = [1.0, 1.0, 1.0, 5.0, 1.0, 1.1, 1.0, 1.0, 2.0, 1.0, 2.0, 2.0];

        var tails = TailEvidence.Measure(steps, 4);

        tails.Steps.Should().Be(3);
        tails.TypicalSeconds.Should().BeApproximately(4.0 / 3, 1e-12);
        tails.SlowestSeconds.Should().BeApproximately(8.1 / 3, 1e-12);
        tails.Tail.Should().BeApproximately((8.1 / 4.0) - 1, 1e-12);
        tails.LatestReplica.Should().Be(3);
        tails.LateShare.Should().BeApproximately(1.0 / 3, 1e-12);
    }

    [Fact]
    public void TailEvidence_OneOfTwoAlwaysSlow_IsSeen() =>
        TailEvidence.Measure([1, 1.7, 1, 1.7, 1, 1.7], 2).Should().Match<TailEvidence>(tails => tails.LatestReplica == 1 && tails.LateShare == 1);

    [Fact]
    public void TailEvidence_NothingOrNonsense_SaysSo()
    {
        TailEvidence.Measure([], 4).Should().Be(new TailEvidence(0, 0, 0, -1, 0));
        TailEvidence.Measure([1, 1], 2).LatestReplica.Should().Be(-1);
        FluentActions.Invoking(() => TailEvidence.Measure([1], 0)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => TailEvidence.Measure([1, 2, 3], 2)).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => TailEvidence.Measure([1, double.NaN], 2)).Should().Throw<ArgumentException>();
    }
}
