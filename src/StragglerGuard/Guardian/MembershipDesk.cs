using System.Globalization;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace StragglerGuard.Guardian;

/// <summary>Who could leave a job or come back to it, and how the rest would be dealt.</summary>
internal sealed class MembershipDesk(MitigationSection options, MitigationOptions thresholds)
{
    private readonly EvictionPlanner _evictions = new();
    private readonly RebalancePlanner _planner = new();

    /// <summary>What is to be done about a group that came to its end.</summary>
    /// <param name="view">The job as it was.</param>
    /// <param name="culprits">The members that caused it.</param>
    /// <param name="reason">In words.</param>
    public ScoredPlan? Restart(DeskView view, IReadOnlyList<int> culprits, string reason)
    {
        if (culprits.Count == view.InForce.Members || SharesWithout(view, culprits, out double step) is not { } shares)
        {
            return null;
        }

        return new ScoredPlan(
            new MitigationCandidate
            {
                Kind = MitigationKind.Restart,
                Prediction = new MitigationPrediction(step > 0 ? step : view.StepSeconds, double.PositiveInfinity),
                OneOffCostSeconds = options.RegroupSeconds,
                ForgoneSeconds = options.RegroupSeconds, // All time is lost until it is done.
                OnsetSeconds = view.NowSeconds,
                Replicas = [.. culprits.Select(number => view.InForce.MemberSlots[number])],
                Reason = reason,
            },
            Next(view), shares);
    }

    /// <summary>What speaks for a standby worker's being as fast as its peers.</summary>
    /// <remarks>
    /// Its trial is one figure, of the job's own work. <see cref="Core.Probing.ProbeJudge"/> asks for the spread of repeats, which is not there; the
    /// threshold is the one that finds a member slow, so nobody comes back whom the next verdict would send away.
    /// </remarks>
    public static (ProbeOpinion Opinion, string Reason) Examine(DeskView view, StandbyReport waiting, double minimumEffect)
    {
        if (waiting.SecondsPerUnit is not { } own)
        {
            return (ProbeOpinion.None, "it has not tried a micro-batch yet");
        }

        double[] peers = [.. view.Classes.Select((deviceClass, number) => (deviceClass, number))
            .Where(member => member.deviceClass == waiting.DeviceClass)
            .Select(member => view.SecondsPerUnit.Span[member.number]).Where(double.IsFinite)];
        if (peers.Length == 0)
        {
            return (ProbeOpinion.Unknown, $"nobody in the job computes on {waiting.DeviceClass}");
        }

        double median = RollingSeconds.MedianOf(peers);
        string numbers = Say($"a micro-batch takes it {own:G4} s, {own / median:0.00} times the median of {peers.Length} members on {waiting.DeviceClass}");
        return (own <= median * (1 + minimumEffect) ? ProbeOpinion.Fit : ProbeOpinion.Slow, numbers);
    }

    /// <summary>The best set of slow members to go on without.</summary>
    /// <param name="view">The job, in which some are flagged.</param>
    /// <param name="book">What was decided before.</param>
    /// <param name="isBeyondDoubt">Whether luck is ruled out for a member. Where it is for some, only they are tried.</param>
    /// <param name="mayRebalance">Whether the rest may be dealt by speed.</param>
    public ScoredPlan? Evict(DeskView view, MitigationBook book, Func<int, bool> isBeyondDoubt, bool mayRebalance)
    {
        JobPlan plan = view.InForce;
        if (HasUnknown(view.SecondsPerUnit.Span))
        {
            return null;
        }

        int[] flagged = [.. view.Flagged.Select(one => one.Number)];
        int[] sure = [.. flagged.Where(isBeyondDoubt)];
        int mayLeave = MayLeave(view, book);
        double now = view.StepSecondsUnder(plan.Deal.MicroBatches);
        EvictionOutcome outcome = _evictions.Solve(new EvictionProblem
        {
            Job = Problem(view, Enumerable.Range(0, plan.Members)),
            Candidates = sure.Length > 0 ? sure : flagged,
            CommonSeconds = view.CommonSeconds,
            RegroupSeconds = options.RegroupSeconds,
            HorizonSteps = (int)Math.Clamp(options.HorizonSeconds / view.StepSeconds, 1, int.MaxValue),

            // Where none may leave, the policy is to say so of the best that there would be.
            ReplicasMin = mayLeave > 0 ? plan.Members - mayLeave : 1,
        });
        EvictionTrial? trial = outcome switch
        {
            EvictionOutcome.Evict evict => evict.Trials.First(tried => tried.Replicas.SequenceEqual(evict.Replicas)),

            // Where the rest may not be dealt by speed, the present deal is what leaving is held against.
            _ => outcome.Trials.Where(tried => tried.StepSeconds > 0).MinBy(tried => tried.StepSeconds),
        };
        if (trial is null)
        {
            return null;
        }

        bool objects = outcome is not EvictionOutcome.Evict && mayRebalance;
        if (SharesWithout(view, trial.Replicas, out double step) is not { } shares || !(step > 0))
        {
            return null;
        }

        return new ScoredPlan(
            new MitigationCandidate
            {
                Kind = MitigationKind.Evict,
                Prediction = new MitigationPrediction(step, now / step),
                OneOffCostSeconds = options.RegroupSeconds,
                OnsetSeconds = view.SecondsAt(view.Flagged.Where(flagged => trial.Replicas.Contains(flagged.Number)).Min(flagged => flagged.OnsetStep)),
                Replicas = [.. trial.Replicas.Select(number => plan.MemberSlots[number])],
                PlannerObjection = objects ? outcome.Reason : null,
                Reason = trial.Reason,
            },
            Next(view), shares);
    }

    /// <summary>How many members the floor and this hour's budget let go.</summary>
    private int MayLeave(DeskView view, MitigationBook book)
    {
        int floor = Math.Max(thresholds.FloorMembers, (int)Math.Ceiling((thresholds.FloorShare * view.InForce.Slots) - 1e-9));
        int spent = book.Evictions.Count(at => at > view.NowSeconds - EvictionBudget.WindowSeconds);
        return Math.Min(view.InForce.Members - floor, thresholds.EvictionsPerHour - spent);
    }

    /// <summary>Takes a waiting worker back.</summary>
    /// <param name="view">The job, in which its slot is free.</param>
    /// <param name="waiting">The worker.</param>
    /// <param name="book">What was decided before.</param>
    public ScoredPlan? Readmit(DeskView view, StandbyReport waiting, MitigationBook book)
    {
        JobPlan plan = view.InForce;
        if (HasUnknown(view.SecondsPerUnit.Span))
        {
            return null;
        }

        double own = waiting.SecondsPerUnit ?? MedianOfLike(view, waiting.DeviceClass);
        int place = 0;
        while (place < plan.Members && plan.MemberSlots[place] < waiting.Slot)
        {
            place++;
        }

        RebalanceProblem without = Problem(view, Enumerable.Range(0, plan.Members));
        if (_planner.Solve(new RebalanceProblem
        {
            FixedSeconds = With(without.FixedSeconds, place, 0),
            SecondsPerUnit = With(without.SecondsPerUnit, place, own),
            Lowest = With(without.Lowest, place, Math.Min(1, plan.Total)),
            Highest = With(without.Highest, place, HeldByLike(view, waiting.DeviceClass)),
            Current = With(without.Current, place, 0),
            Total = plan.Total,
        }) is not RebalanceOutcome.Solved solved)
        {
            return null;
        }

        int[] shares = plan.Shares.ToArray();
        for (int number = 0, from = 0; number <= plan.Members; number++)
        {
            shares[number == place ? waiting.Slot : plan.MemberSlots[from++]] = solved.MicroBatches[number];
        }

        double now = view.StepSecondsUnder(plan.Deal.MicroBatches);
        double step = view.CommonSeconds + solved.StepSeconds;
        double since = book.Probations.FirstOrDefault(term => term.Replica == waiting.Slot) is { Terms: > 0 } term ? term.UntilSeconds : view.NowSeconds;
        return new ScoredPlan(
            new MitigationCandidate
            {
                Kind = MitigationKind.Readmit,
                Prediction = new MitigationPrediction(step, now / step),
                OneOffCostSeconds = options.RegroupSeconds,
                OnsetSeconds = Math.Min(since, view.NowSeconds),
                Replicas = [waiting.Slot],
                Reason = Say($"{waiting.Worker} is back: with it the best step takes {step:G4} s against {now:G4} s"),
            },
            Next(view), shares);
    }

    /// <summary>Of those on the same class; of all where there are none.</summary>
    private static double MedianOfLike(DeskView view, DeviceClass deviceClass)
    {
        double[] speeds = view.SecondsPerUnit.ToArray();
        double[] like = [.. speeds.Where((_, number) => view.Classes[number] == deviceClass)];
        return RollingSeconds.MedianOf(like.Length > 0 ? like : speeds);
    }

    /// <summary>What each of those on the same class holds; of all where there are none: a waiting worker does not tell its own bound.</summary>
    private static int HeldByLike(DeskView view, DeviceClass deviceClass)
    {
        int[] bounds = view.Members.Highest.ToArray();
        int[] like = [.. bounds.Where((_, number) => view.Classes[number] == deviceClass)];
        return like.Length > 0 ? like.Min() : bounds.Min();
    }

    /// <summary>The best deal among the other members, by slot, and what a step takes under it.</summary>
    /// <returns>Null where they can't hold the batch. Where a speed is unknown, an even deal within what each holds, and NaN for the step.</returns>
    private int[]? SharesWithout(DeskView view, IReadOnlyCollection<int> leaving, out double stepSeconds)
    {
        JobPlan plan = view.InForce;
        stepSeconds = double.NaN;
        int[] staying = [.. Enumerable.Range(0, plan.Members).Where(number => !leaving.Contains(number))];
        RebalanceProblem problem = Problem(view, staying);
        bool isKnown = !HasUnknown(problem.SecondsPerUnit.Span);
        if (!isKnown)
        {
            problem = problem with { SecondsPerUnit = Enumerable.Repeat(1.0, staying.Length).ToArray() };
        }

        if (_planner.Solve(problem) is not RebalanceOutcome.Solved solved)
        {
            return null;
        }

        stepSeconds = isKnown ? view.CommonSeconds + solved.StepSeconds : double.NaN;
        int[] shares = new int[plan.Slots];
        Array.Fill(shares, JobPlan.NotMember);
        for (int i = 0; i < staying.Length; i++)
        {
            shares[plan.MemberSlots[staying[i]]] = solved.MicroBatches[i];
        }

        return shares;
    }

    private static RebalanceProblem Problem(DeskView view, IEnumerable<int> members)
    {
        int[] numbers = [.. members];
        return new RebalanceProblem
        {
            FixedSeconds = new double[numbers.Length],
            SecondsPerUnit = numbers.Select(number => view.SecondsPerUnit.Span[number]).ToArray(),
            Lowest = numbers.Select(number => view.Members.Lowest.Span[number]).ToArray(),
            Highest = numbers.Select(number => view.Members.Highest.Span[number]).ToArray(),
            Current = numbers.Select(number => view.InForce.Deal.MicroBatches[number]).ToArray(),
            Total = view.InForce.Total,
        };
    }

    private static T[] With<T>(ReadOnlyMemory<T> list, int at, T value) => [.. list.Span[..at], value, .. list.Span[at..]];

    private static bool HasUnknown(ReadOnlySpan<double> seconds)
    {
        foreach (double one in seconds)
        {
            if (!(one > 0 && double.IsFinite(one)))
            {
                return true;
            }
        }

        return false;
    }

    private static Generation Next(DeskView view) => new(view.InForce.Generation.Value + 1);

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
