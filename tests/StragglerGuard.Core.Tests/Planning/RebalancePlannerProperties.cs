using FsCheck;
using FsCheck.Fluent;
using StragglerGuard.Core.Planning;
using static StragglerGuard.Core.Tests.Planning.RebalanceOracles;

namespace StragglerGuard.Core.Tests.Planning;

public sealed class RebalancePlannerProperties
{
    // FsCheck prints the seed of a failing run itself; replaying it makes every run the same.
    private static readonly Config Checked = Config.QuickThrowOnFailure.WithMaxTest(300).WithReplay(7204, 1);

    private static readonly Arbitrary<RebalanceProblem> Problems = Arb.From(
        from receivers in Gen.Choose(1, 40)
        from total in Gen.Choose(0, 400)
        from seed in Gen.Choose(0, int.MaxValue)
        select Draw(new Random(seed), receivers, total));

    [Fact]
    public void Solve_AnyFeasibleProblem_KeepsSumAndBounds()
        => Prop.ForAll(Problems, problem =>
        {
            var deal = Solve(problem).MicroBatches;
            return deal.Sum() == problem.Total
                && Enumerable.Range(0, deal.Length).All(i => deal[i] >= problem.Lowest.Span[i] && deal[i] <= problem.Highest.Span[i]);
        }).Check(Checked);

    [Fact]
    public void Solve_CurrentDealWithinBounds_IsNeverWorseAndStaysWhenAsGood()
        => Prop.ForAll(Problems, problem =>
        {
            // Any deal within the bounds will do as the current one: a solved problem's, under other speeds.
            var current = Solve(problem).MicroBatches.ToArray();
            var changed = problem with { SecondsPerUnit = problem.SecondsPerUnit.ToArray().Reverse().ToArray(), Current = current };
            var solved = Solve(changed);
            var held = StepOf(changed, current);
            return solved.StepSeconds <= held && (solved.StepSeconds < held || solved.Moves == 0);
        }).Check(Checked);

    [Fact]
    public void Solve_ReceiversInAnotherOrder_GivesTheSameStepTimeAndMoves()
        => Prop.ForAll(Problems, problem =>
        {
            var order = Enumerable.Range(0, problem.Current.Length).ToArray();
            new Random(problem.Total).Shuffle(order);
            T[] Permute<T>(ReadOnlyMemory<T> list) => order.Select(i => list.Span[i]).ToArray();
            var other = problem with
            {
                FixedSeconds = Permute(problem.FixedSeconds),
                SecondsPerUnit = Permute(problem.SecondsPerUnit),
                Lowest = Permute(problem.Lowest),
                Highest = Permute(problem.Highest),
                Current = Permute(problem.Current),
            };
            return (Solve(problem).StepSeconds, Solve(problem).Moves) == (Solve(other).StepSeconds, Solve(other).Moves);
        }).Check(Checked);

    [Fact]
    public void Solve_AllCostsTimesAPowerOfTwo_GivesTheSameDealAndTheStepTimeScaled()
        => Prop.ForAll(Problems, problem =>
        {
            double[] Scale(ReadOnlyMemory<double> list) => list.ToArray().Select(x => x * 1024).ToArray();
            var scaled = problem with { FixedSeconds = Scale(problem.FixedSeconds), SecondsPerUnit = Scale(problem.SecondsPerUnit) };
            return Solve(scaled).MicroBatches.SequenceEqual(Solve(problem).MicroBatches)
                && Solve(scaled).StepSeconds == 1024 * Solve(problem).StepSeconds;
        }).Check(Checked);
}
