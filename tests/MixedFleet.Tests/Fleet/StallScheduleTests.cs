using MixedFleet.Data;
using MixedFleet.Fleet;

namespace MixedFleet.Tests.Fleet;

public sealed class StallScheduleTests
{
    private static readonly FleetDefinition Fleet = new("test", [new("A", 0.02), new("A", 0.02), new("CPU", null)]);

    [Fact]
    public void FactorAt_OverManySteps_StallsTheShareThatWasAskedFor()
    {
        StallSchedule schedule = Good("all:0.1:5");
        for (int rank = 0; rank < 3; rank++)
        {
            double[] factors = Factors(schedule, rank);
            factors.Should().OnlyContain(factor => factor == 1 || factor == 5);

            // 1,000 expected, σ = 30.
            factors.Count(factor => factor == 5).Should().BeInRange(880, 1120);
        }
    }

    [Fact]
    public void FactorAt_OfTwoRanks_StallsThemIndependently()
    {
        StallSchedule schedule = Good("all:0.1:5");

        // 100 common ones expected of 10,000, σ ≈ 10; and of neighbouring steps likewise.
        double[] zero = Factors(schedule, 0);
        double[] one = Factors(schedule, 1);
        zero.Zip(one).Count(pair => pair.First > 1 && pair.Second > 1).Should().BeInRange(60, 140);
        zero.Zip(zero.Skip(1)).Count(pair => pair.First > 1 && pair.Second > 1).Should().BeInRange(60, 140);
    }

    [Fact]
    public void FactorAt_OfTheSameSeed_IsTheSameInEveryRun()
    {
        Factors(Good("1:0.3:2"), 1).Should().Equal(Factors(Good("1:0.3:2"), 1));
        Factors(Good("1:0.3:2"), 1).Should().NotEqual(Factors(StallSchedule.Parse(["1:0.3:2"], Fleet, seed: 8).Value!, 1));
        Factors(Good("1:0.3:2"), 0).Should().OnlyContain(factor => factor == 1);
    }

    [Fact]
    public void FactorAt_WhereArgumentsMeet_IsTheProduct()
    {
        StallSchedule schedule = Good("1:1:2", "all:0.5:3", "2:0:10", "1:0.5:3");

        // Drawn by itself for each argument: 2, 6 and 18 all occur, and rank 2 never stalls by a probability of 0.
        Factors(schedule, 1).Distinct().Order().Should().Equal(2, 6, 18);
        Factors(schedule, 2).Distinct().Order().Should().Equal(1, 3);
        StallSchedule.None.FactorAt(0, 0).Should().Be(1);
        StallSchedule.None.IsEmpty.Should().BeTrue();
        schedule.IsEmpty.Should().BeFalse();
    }

    [Fact]
    public void Parse_OfManyMistakes_ReportsAllAtOnce()
    {
        Checked<StallSchedule> result = StallSchedule.Parse(
            ["1", "3:0.1:5", "-1:2:0.5", "all:x:NaN", "ALL:0.1:5", "all:0.1:1001", "all:-0.1:2", "1:0.1:5:2", ""], Fleet, seed: 1);

        result.IsValid.Should().BeFalse();
        result.Errors.Should().Equal(
            "--stall 1: must read RANK:PROBABILITY:FACTOR or all:PROBABILITY:FACTOR",
            "--stall 3:0.1:5: RANK '3' must be a whole number from 0 to 2, or all",
            "--stall -1:2:0.5: RANK '-1' must be a whole number from 0 to 2, or all",
            "--stall -1:2:0.5: PROBABILITY '2' must be a number from 0 to 1",
            "--stall -1:2:0.5: FACTOR '0.5' must be a number from 1 to 1000",
            "--stall all:x:NaN: PROBABILITY 'x' must be a number from 0 to 1",
            "--stall all:x:NaN: FACTOR 'NaN' must be a number from 1 to 1000",
            "--stall ALL:0.1:5: RANK 'ALL' must be a whole number from 0 to 2, or all",
            "--stall all:0.1:1001: FACTOR '1001' must be a number from 1 to 1000",
            "--stall all:-0.1:2: PROBABILITY '-0.1' must be a number from 0 to 1",
            "--stall 1:0.1:5:2: must read RANK:PROBABILITY:FACTOR or all:PROBABILITY:FACTOR",
            "--stall : must read RANK:PROBABILITY:FACTOR or all:PROBABILITY:FACTOR");
    }

    [Fact]
    public void Parse_WhereFactorsCanMultiplyBeyondTheRange_IsRefused() =>
        StallSchedule.Parse(["all:0.1:100", "1:0.1:11"], Fleet, seed: 1).Errors.Should().Equal(
            "--stall: the stalls of rank 1 can make a factor of 1100 together; 1 to 1000 is allowed");

    [Fact]
    public void FactorAt_OnceWarm_AllocatesNothing()
    {
        StallSchedule schedule = Good("1:0.2:2", "all:0.1:3");
        schedule.FactorAt(1, 0);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 100; step++)
        {
            schedule.FactorAt(1, step);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }

    private static double[] Factors(StallSchedule schedule, int rank) =>
        [.. Enumerable.Range(0, 10_000).Select(step => schedule.FactorAt(rank, step))];

    private static StallSchedule Good(params string[] arguments)
    {
        Checked<StallSchedule> result = StallSchedule.Parse(arguments, Fleet, seed: 7);
        result.Errors.Should().BeEmpty();
        return result.Value!;
    }
}
