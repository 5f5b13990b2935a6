using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;

namespace StragglerGuard.Core.Planning;

/// <summary>Decides which replicas a job is better without, at the same global batch.</summary>
/// <remarks>
/// <para>The exact optimum without (<see cref="RebalancePlanner"/>, caps and all) is held against the exact optimum <em>with</em>: a slow replica that
/// little work suits stays. Who leaves must win (with − without)·<see cref="EvictionProblem.HorizonSteps"/> above what the move costs.</para>
/// <para>Tried are each candidate alone, the k slowest of them together, and where links differ also the k with the slowest links: at most
/// 3·C sets for C candidates. These contain the best set of each size where one order is behind all differences; that some other
/// set is better still is possible where caps, fixed costs and links disagree, and costs gain, never correctness. Of equally good sets the smaller wins.</para>
/// <para>An instance keeps scratch memory and serves one caller at a time.</para>
/// </remarks>
public sealed class EvictionPlanner
{
    /// <summary>Candidates that are tried; of more, those with the slowest compute and the slowest links.</summary>
    public const int CandidatesMax = 32;

    private readonly RebalancePlanner _planner = new();

    /// <summary>Decides.</summary>
    /// <param name="problem">n replicas, n ≥ 1.</param>
    /// <returns>Who leaves and how the rest is dealt, or why nobody does.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="problem"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    /// <exception cref="ArgumentException">Lists differ in length, a candidate is no replica or given twice, or a link's time is no time.</exception>
    public EvictionOutcome Solve(EvictionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ThrowIfMalformed(problem);
        RebalanceOutcome whole = _planner.Solve(problem.Job);
        if (whole is not RebalanceOutcome.Solved with)
        {
            return new EvictionOutcome.Infeasible(((RebalanceOutcome.Infeasible)whole).Faults, whole.Reason);
        }

        int n = problem.Job.SecondsPerUnit.Length;
        double stepWith = problem.CommonSeconds + with.StepSeconds + SlowestLink(problem, leaves: null);
        if (problem.Candidates.IsEmpty)
        {
            return new EvictionOutcome.Keep(stepWith, [], "no replica is slow");
        }

        int mayLeave = Math.Max(0, n - problem.ReplicasMin);
        if (mayLeave == 0)
        {
            return new EvictionOutcome.Keep(stepWith, [], Say($"the job has {n} replicas and keeps {problem.ReplicasMin}: none may leave"));
        }

        ImmutableArray<EvictionTrial>.Builder trials = ImmutableArray.CreateBuilder<EvictionTrial>();
        EvictionTrial? best = null;
        ImmutableArray<int> bestDeal = [];
        foreach (ImmutableArray<int> set in SetsOf(problem, mayLeave))
        {
            (EvictionTrial trial, ImmutableArray<int> deal) = Try(problem, set, stepWith);
            trials.Add(trial);
            if (trial.NetGainSeconds > 0
                && (best is null || trial.NetGainSeconds > best.NetGainSeconds
                    || (trial.NetGainSeconds == best.NetGainSeconds && set.Length < best.Replicas.Length)))
            {
                (best, bestDeal) = (trial, deal);
            }
        }

        if (best is null)
        {
            return new EvictionOutcome.Keep(stepWith, trials.ToImmutable(), WhyNobody(trials, n, mayLeave));
        }

        double cost = CostOf(problem, best.Replicas.Length);
        return new EvictionOutcome.Evict(
            best.Replicas, bestDeal, best.StepSeconds, stepWith, best.NetGainSeconds, cost, trials.ToImmutable(), best.Reason);
    }

    /// <summary>Each alone; the k slowest together, by compute and by link.</summary>
    private static List<ImmutableArray<int>> SetsOf(EvictionProblem problem, int mayLeave)
    {
        int[] byCompute = problem.Candidates.ToArray();
        Array.Sort(byCompute);
        int[] byLink = [.. byCompute];
        Rank(byCompute, problem.Job.SecondsPerUnit);
        if (!problem.LinkSeconds.IsEmpty)
        {
            Rank(byLink, problem.LinkSeconds);
        }

        bool linksDiffer = !problem.LinkSeconds.IsEmpty && problem.LinkSeconds.Span[byLink[0]] > problem.LinkSeconds.Span[byLink[^1]];
        int tried = Math.Min(byCompute.Length, CandidatesMax);
        var sets = new List<ImmutableArray<int>>();
        for (int i = 0; i < tried; i++)
        {
            Add(sets, [byCompute[i]]);
            if (linksDiffer)
            {
                Add(sets, [byLink[i]]);
            }
        }

        for (int k = 2; k <= Math.Min(tried, mayLeave); k++)
        {
            Add(sets, [.. byCompute[..k].Order()]);
            if (linksDiffer)
            {
                Add(sets, [.. byLink[..k].Order()]);
            }
        }

        return sets;
    }

    // The slowest first; among equals the lowest index, as the sort by index before has left them.
    private static void Rank(int[] candidates, ReadOnlyMemory<double> seconds) =>
        Array.Sort(candidates, (left, right) => (-seconds.Span[left], left).CompareTo((-seconds.Span[right], right)));

    private static void Add(List<ImmutableArray<int>> sets, ImmutableArray<int> set)
    {
        foreach (ImmutableArray<int> other in sets)
        {
            if (other.AsSpan().SequenceEqual(set.AsSpan()))
            {
                return;
            }
        }

        sets.Add(set);
    }

    private (EvictionTrial Trial, ImmutableArray<int> Deal) Try(EvictionProblem problem, ImmutableArray<int> leaving, double stepWith)
    {
        RebalanceProblem job = problem.Job;
        int n = job.SecondsPerUnit.Length;
        var leaves = new bool[n];
        foreach (int replica in leaving)
        {
            leaves[replica] = true;
        }

        string who = leaving.Length == 1
            ? Say($"without replica {leaving[0]}")
            : Say($"without replicas {string.Join(", ", leaving.Take(8))}{(leaving.Length > 8 ? " …" : "")} ({leaving.Length} of {n})");
        RebalanceOutcome outcome = _planner.Solve(job with
        {
            FixedSeconds = Staying(job.FixedSeconds.Span, leaves, leaving.Length),
            SecondsPerUnit = Staying(job.SecondsPerUnit.Span, leaves, leaving.Length),
            Lowest = Staying(job.Lowest.Span, leaves, leaving.Length),
            Highest = Staying(job.Highest.Span, leaves, leaving.Length),
            Current = Staying(job.Current.Span, leaves, leaving.Length),
        });
        if (outcome is not RebalanceOutcome.Solved solved)
        {
            return (new EvictionTrial(leaving, double.NaN, double.NaN, Say($"{who} the rest can't carry the batch: {outcome.Reason}")), []);
        }

        var deal = new int[n];
        int next = 0;
        for (int i = 0; i < n; i++)
        {
            deal[i] = leaves[i] ? -1 : solved.MicroBatches[next++];
        }

        double link = SlowestLink(problem, leaves);
        double step = problem.CommonSeconds + solved.StepSeconds + link;
        double cost = CostOf(problem, leaving.Length);
        double gain = (stepWith - step) * problem.HorizonSteps;
        string transfer = problem.LinkSeconds.IsEmpty ? "" : Say($" (transfer {SlowestLink(problem, leaves: null):G4} s → {link:G4} s)");
        string reason = Say($"{who} the best step takes {step:G4} s against {stepWith:G4} s{transfer}: {gain:G4} s over {problem.HorizonSteps} steps, and the move costs {cost:G4} s");
        return (new EvictionTrial(leaving, step, gain - cost, reason), ImmutableCollectionsMarshal.AsImmutableArray(deal));
    }

    private static string WhyNobody(ImmutableArray<EvictionTrial>.Builder trials, int n, int mayLeave)
    {
        EvictionTrial? nearest = null;
        foreach (EvictionTrial trial in trials)
        {
            if (!double.IsNaN(trial.NetGainSeconds) && (nearest is null || trial.NetGainSeconds > nearest.NetGainSeconds))
            {
                nearest = trial;
            }
        }

        string floor = Say($"{mayLeave} of {n} replicas may leave");
        return nearest is null ? Say($"{trials[0].Reason}; {floor}") : Say($"all stay: {nearest.Reason}; {floor}");
    }

    private static double CostOf(EvictionProblem problem, int leaving) => problem.RegroupSeconds + (leaving * problem.MoveSeconds);

    private static double SlowestLink(EvictionProblem problem, bool[]? leaves)
    {
        double slowest = 0;
        ReadOnlySpan<double> seconds = problem.LinkSeconds.Span;
        for (int i = 0; i < seconds.Length; i++)
        {
            if (leaves is null || !leaves[i])
            {
                slowest = Math.Max(slowest, seconds[i]);
            }
        }

        return slowest;
    }

    private static T[] Staying<T>(ReadOnlySpan<T> list, bool[] leaves, int leaving)
    {
        var staying = new T[list.Length - leaving];
        int next = 0;
        for (int i = 0; i < list.Length; i++)
        {
            if (!leaves[i])
            {
                staying[next++] = list[i];
            }
        }

        return staying;
    }

    private static void ThrowIfMalformed(EvictionProblem problem)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(problem.HorizonSteps, 1, nameof(problem));
        ArgumentOutOfRangeException.ThrowIfLessThan(problem.ReplicasMin, 1, nameof(problem));
        ThrowUnlessTime(problem.CommonSeconds, nameof(EvictionProblem.CommonSeconds));
        ThrowUnlessTime(problem.RegroupSeconds, nameof(EvictionProblem.RegroupSeconds));
        ThrowUnlessTime(problem.MoveSeconds, nameof(EvictionProblem.MoveSeconds));
        int n = problem.Job.SecondsPerUnit.Length;
        if (!problem.LinkSeconds.IsEmpty && problem.LinkSeconds.Length != n)
        {
            throw new ArgumentException(Say($"{n} replicas have {problem.LinkSeconds.Length} LinkSeconds."), nameof(problem));
        }

        foreach (double seconds in problem.LinkSeconds.Span)
        {
            ThrowUnlessTime(seconds, nameof(EvictionProblem.LinkSeconds));
        }

        var seen = new bool[n];
        foreach (int replica in problem.Candidates.Span)
        {
            if (replica < 0 || replica >= n || seen[replica])
            {
                throw new ArgumentException(Say($"Candidate {replica} is no replica of {n}, or is named twice."), nameof(problem));
            }

            seen[replica] = true;
        }
    }

    private static void ThrowUnlessTime(double seconds, string name)
    {
        if (!double.IsFinite(seconds) || seconds < 0)
        {
            throw new ArgumentOutOfRangeException(name, seconds, "A time is finite and 0 or more.");
        }
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
