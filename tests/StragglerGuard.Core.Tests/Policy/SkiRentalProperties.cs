using FsCheck;
using FsCheck.Fluent;
using StragglerGuard.Core.Policy;
using static StragglerGuard.Core.Tests.Policy.MitigationInputs;

namespace StragglerGuard.Core.Tests.Policy;

/// <summary>The policy against an adversary that chooses when the straggler ends: at every possible end, time lost and spent is compared with the offline optimum.</summary>
public sealed class SkiRentalProperties
{
    private const int Steps = 240;

    private static readonly MitigationKind[] Ladder = [MitigationKind.Rebalance, MitigationKind.Deadline, MitigationKind.Evict, MitigationKind.Restart];

    // Ski-rental alone: no other rule is to interfere.
    private static readonly MitigationPolicy Policy = new(new MitigationOptions
    {
        MinGain = 0,
        HorizonSeconds = 1e15,
        CoolDownSteps = 0,
        EvictionsPerHour = int.MaxValue,
        FloorShare = 0,
        FloorMembers = 1,
    });

    private static readonly Config Check = Config.QuickThrowOnFailure.WithMaxTest(120).WithReplay(9_203, 1);

    // What the straggler costs each step, from nothing to five times a healthy step's second.
    private static readonly Gen<double[]> Loads = Gen.Choose(0, 20).Select(quarters => quarters / 4.0).ArrayOf(Steps);

    [Fact]
    public void Decide_OneAction_LosesAtMostTwiceTheOfflineOptimumWheneverTheStragglerEnds()
    {
        var cases =
            from loads in Loads
            from cost in Gen.Choose(0, 800)
            from left in Gen.Choose(0, 90)
            select new Story(loads, [1, left / 100.0], [0, cost / 4.0], [MitigationKind.None, MitigationKind.Evict]);

        Prop.ForAll(Arb.From(cases), story =>
        {
            var online = Play(story, out _);
            for (var end = 1; end <= Steps; end++)
            {
                // The step in which the cost is reached ends before anything can be done.
                AtMost((2 * story.Optimum(end)) + story.LongestLoss, online[end], "lost and spent", end, story);
            }
        }).Check(Check);
    }

    [Fact]
    public void Decide_LadderOfActions_LosesAtMostThreeTimesTheOfflineOptimumWheneverTheStragglerEnds()
    {
        var cases =
            from loads in Loads
            from cost in Gen.Choose(1, 80)
            from growth in Gen.Choose(8, 40).ArrayOf(3)
            from left in Gen.Choose(10, 90).ArrayOf(4)
            select new Story(loads, Products(1, left.Select(percent => percent / 100.0)), [0, .. Products(cost / 4.0, growth.Select(quarters => quarters / 4.0))], [MitigationKind.None, .. Ladder]);

        Prop.ForAll(Arb.From(cases), story =>
        {
            var online = Play(story, out var taken);
            for (var end = 1; end <= Steps; end++)
            {
                var spent = taken.Where(action => action.Step < end).Sum(action => story.Costs[action.Action]);
                var optimum = story.Optimum(end);
                AtMost(optimum + (Ladder.Length * story.LongestLoss), online[end] - spent, "lost", end, story);
                AtMost((3 * optimum) + (3 * Ladder.Length * story.LongestLoss), online[end], "lost and spent", end, story);
            }

            taken.Select(action => action.Action).Should().BeInAscendingOrder("nothing is undone while the straggler lasts");
        }).Check(Check);
    }

    [Fact]
    public void Decide_SteadyStraggler_ActsInTheVeryStepInWhichTheCostIsReached()
    {
        var story = new Story([.. Enumerable.Repeat(0.5, Steps)], [1, 0.2], [0, 10], [MitigationKind.None, MitigationKind.Evict]);

        Play(story, out var taken);

        // Each step loses 0.5 s, of which the action would give 0.4 s back: 10 s after 25 steps.
        taken.Should().Equal((24, 1));
    }

    /// <summary>Time lost and spent by the end of each step, of a job whose every step is followed by a decision.</summary>
    private static double[] Play(Story story, out List<(int Step, int Action)> taken)
    {
        taken = [];
        var forgone = new ForgoneTime();
        var sums = new double[Steps + 1];
        double now = 0;
        double lost = 0;
        var inForce = 0;
        for (var step = 0; step < Steps; step++)
        {
            var seconds = 1 + story.Loss(step, inForce);
            now += seconds;
            lost += seconds - 1;
            sums[step + 1] = lost;
            var offered = Enumerable.Range(inForce + 1, story.Left.Length - 1 - inForce)
                .Select(action => Candidate(story.Kinds[action], seconds / (1 + story.Loss(step, action)), story.Costs[action]) with
                {
                    Replicas = story.Kinds[action] == MitigationKind.Evict ? [3] : [],
                    OnsetSeconds = 0,
                    Tails = LongTails,
                });
            var input = Of() with { NowSeconds = now, Candidates = forgone.Observe(now, [.. offered]) };
            if (Policy.Decide(input) is MitigationDecision.Propose proposed)
            {
                inForce = Array.IndexOf(story.Kinds, proposed.Candidate.Kind);
                taken.Add((step, inForce));
                lost += story.Costs[inForce];
            }
        }

        return sums;
    }

    private static void AtMost(double limit, double seconds, string what, int end, Story story)
    {
        // The story is long: it is told only where it is needed.
        if (seconds > limit + 1e-6)
        {
            throw new Xunit.Sdk.XunitException($"{seconds} s {what}, more than {limit} s, where the straggler ends after step {end}: {story}");
        }
    }

    private static double[] Products(double first, IEnumerable<double> factors)
    {
        List<double> products = [first];
        foreach (var factor in factors)
        {
            products.Add(products[^1] * factor);
        }

        return [.. products];
    }

    /// <param name="Loads">Seconds that each step loses with nothing done.</param>
    /// <param name="Left">By action the share of that which is still lost; the first is "nothing".</param>
    /// <param name="Costs">By action what it costs once, s.</param>
    /// <param name="Kinds">By action its kind.</param>
    private sealed record Story(double[] Loads, double[] Left, double[] Costs, MitigationKind[] Kinds)
    {
        private readonly double[] _sums = Sums(Loads);

        public double LongestLoss { get; } = Loads.Max();

        public double Loss(int step, int action) => Loads[step] * Left[action];

        /// <summary>The least that anyone could lose who knew the end: one action, from the onset on, or none.</summary>
        public double Optimum(int end) => Enumerable.Range(0, Left.Length).Min(action => Costs[action] + (_sums[end] * Left[action]));

        public override string ToString() =>
            $"left {string.Join('/', Left)}, costs {string.Join('/', Costs)}, loads {string.Join(' ', Loads)}";

        private static double[] Sums(double[] loads)
        {
            var sums = new double[loads.Length + 1];
            for (var step = 0; step < loads.Length; step++)
            {
                sums[step + 1] = sums[step] + loads[step];
            }

            return sums;
        }
    }
}
