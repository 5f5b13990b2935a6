using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using MixedFleet.Data;
using MixedFleet.Fleet;

namespace MixedFleet.Tests.Fleet;

public sealed class SlowdownScheduleTests
{
    private static readonly FleetDefinition Fleet = new("test", [new("A", 0.02), new("A", 0.02), new("CPU", null)]);

    [Fact]
    public void FactorAt_InsideAndOutsideTheWindow_IsTheFactorOrOne()
    {
        SlowdownSchedule schedule = Good("1:2.0@150-300");

        schedule.FactorAt(1, 149).Should().Be(1);
        schedule.FactorAt(1, 150).Should().Be(2);
        schedule.FactorAt(1, 299).Should().Be(2);
        schedule.FactorAt(1, 300).Should().Be(1);
        schedule.FactorAt(0, 200).Should().Be(1);
    }

    [Fact]
    public void FactorAt_WithoutAWindow_HoldsForTheWholeRun()
    {
        SlowdownSchedule schedule = Good("0:0.5", "2:1.5");
        schedule.FactorAt(0, 0).Should().Be(0.5);
        schedule.FactorAt(0, 1_000_000_000_000).Should().Be(0.5);
        schedule.FactorAt(2, 7).Should().Be(1.5);
        schedule.FactorAt(1, 7).Should().Be(1);
    }

    [Fact]
    public void FactorAt_WhereWindowsOverlap_IsTheProduct()
    {
        SlowdownSchedule schedule = Good("0:2@0-10", "0:3@5-20", "0:0.25@8-9");
        Enumerable.Range(0, 21).Select(step => schedule.FactorAt(0, step)).Should().Equal(
            2, 2, 2, 2, 2, 6, 6, 6, 1.5, 6, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1);
        schedule.SmallestFactor(0).Should().Be(1);
    }

    [Fact]
    public void SmallestFactor_OfARankMadeFaster_IsThatFactor()
    {
        Good("0:0.5@3-4", "1:2").SmallestFactor(0).Should().Be(0.5);
        Good("0:0.5@3-4", "1:2").SmallestFactor(1).Should().Be(2);
        Good("0:0.5@3-4", "0:0.5@4-9").SmallestFactor(0).Should().Be(0.5);
        Good("0:0.5@3-5", "0:0.5@4-9").SmallestFactor(0).Should().Be(0.25);
        SlowdownSchedule.None.SmallestFactor(0).Should().Be(1);
    }

    [Fact]
    public void Parse_OfManyMistakes_ReportsAllAtOnce()
    {
        Checked<SlowdownSchedule> result = SlowdownSchedule.Parse(
            [
                "1", "3:2", "-1:x@1-2", "1:0", "1:2@300-150", "1:2@5", "1:2@a-b", "2:0.5@1-9", "1:2@5-5", "1:NaN", "1:1e9", "",
                "0:2@1-2@3", "1:2@-5",
            ],
            Fleet);

        result.IsValid.Should().BeFalse();
        result.Errors.Should().Equal(
            "--slow 1: must read RANK:FACTOR@FROM-TO or RANK:FACTOR",
            "--slow 3:2: RANK '3' must be a whole number from 0 to 2",
            "--slow -1:x@1-2: RANK '-1' must be a whole number from 0 to 2",
            "--slow -1:x@1-2: FACTOR 'x' must be a number from 0.001 to 1000",
            "--slow 1:0: FACTOR '0' must be a number from 0.001 to 1000",
            "--slow 1:2@300-150: FROM 300 must be below TO 150",
            "--slow 1:2@5: '@5' must read @FROM-TO",
            "--slow 1:2@a-b: FROM 'a' must be a step, 0 or more",
            "--slow 1:2@a-b: TO 'b' must be a step, 0 or more",
            "--slow 2:0.5@1-9: FACTOR '0.5' is under 1, but rank 2 computes at its true pace (\"pace\": null) and can't be made faster",
            "--slow 1:2@5-5: FROM 5 must be below TO 5",
            "--slow 1:NaN: FACTOR 'NaN' must be a number from 0.001 to 1000",
            "--slow 1:1e9: FACTOR '1e9' must be a number from 0.001 to 1000",
            "--slow : must read RANK:FACTOR@FROM-TO or RANK:FACTOR",
            "--slow 0:2@1-2@3: TO '2@3' must be a step, 0 or more",
            "--slow 1:2@-5: FROM '' must be a step, 0 or more");
    }

    [Fact]
    public void Parse_OfWindowsWhoseProductIsTooLarge_NamesTheRankAndTheStep() =>
        SlowdownSchedule.Parse(["0:900@0-9", "0:2@4-6"], Fleet).Errors
            .Should().Equal("--slow: the windows of rank 0 together make a factor of 1800 at step 4; 0.001 to 1000 is allowed");

    [Fact]
    public void Parse_OfGeneratedArguments_EqualsTheProductOverWindows()
    {
        Gen<(int Rank, double Factor, int From, int Length)> window =
            from rank in Gen.Choose(0, 1)
            from factor in Gen.Elements(0.5, 0.8, 1.25, 2.0)
            from start in Gen.Choose(0, 30)
            from length in Gen.Choose(1, 15)
            select (rank, factor, start, length);
        Prop.ForAll(window.ListOf().Where(list => list.Count <= 6).ToArbitrary(), list =>
        {
            SlowdownSchedule schedule = Good([.. list.Select(it =>
                string.Create(CultureInfo.InvariantCulture, $"{it.Rank}:{it.Factor}@{it.From}-{it.From + it.Length}"))]);
            for (int rank = 0; rank < 2; rank++)
            {
                double smallest = double.MaxValue;
                for (int step = 0; step < 50; step++)
                {
                    double expected = list
                        .Where(it => it.Rank == rank && it.From <= step && step < it.From + it.Length)
                        .Aggregate(1.0, (product, it) => product * it.Factor);
                    smallest = Math.Min(smallest, expected);
                    schedule.FactorAt(rank, step).Should().Be(expected);
                }

                schedule.SmallestFactor(rank).Should().Be(smallest);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(100).WithReplay(20250101, 1));
    }

    [Fact]
    public void FactorAt_OnceWarm_AllocatesNothing()
    {
        SlowdownSchedule schedule = Good("1:2.0@150-300", "0:3");
        schedule.FactorAt(1, 0);

        long before = GC.GetAllocatedBytesForCurrentThread();
        schedule.FactorAt(1, 200);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }

    private static SlowdownSchedule Good(params string[] arguments)
    {
        Checked<SlowdownSchedule> result = SlowdownSchedule.Parse(arguments, Fleet);
        result.Errors.Should().BeEmpty();
        return result.Value!;
    }
}
