using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Simulation;

/// <summary>The best plan for a fleet whose state is known: what a guardian without any delay, doubt or cost would do.</summary>
/// <remarks>
/// <para>Of an integer deal the planner's optimum for the mean speeds; a stall counts at its mean. With evictions, the best over all subsets:
/// the ring is as slow as the slowest link among the members, so only the distinct link factors matter as a limit, and among the members
/// within a limit leaving one out can shorten the rest of the step only where a single micro-batch on the slowest replica is what the step
/// lasts; so replicas are left out in that order while that is so.</para>
/// <para>Without noise this is exact. With noise the subsets are compared by their expected step time; the deal within a subset stays that
/// of the mean speeds, which in the long run a lucky deal may beat by a fraction of the noise.</para>
/// </remarks>
internal sealed class BestPlan(Scenario scenario)
{
    private const int NoiseSamples = 64;

    private readonly RebalancePlanner _planner = new();
    private readonly StepDraws _draws = new(scenario);
    private readonly int[] _caps = [.. scenario.Classes.SelectMany(members => Enumerable.Repeat(members.MicroBatchesMax, members.Replicas))];

    /// <summary>The plan.</summary>
    public VirtualPlan For(FaultState faults)
    {
        double[] unitSeconds = MeanUnitSeconds(faults);
        if (!scenario.Mitigations.HasFlag(ScenarioMitigations.Rebalance))
        {
            return VirtualPlan.Even(scenario);
        }

        int[] everyone = [.. Enumerable.Range(0, scenario.Replicas)];
        List<int[]> candidates = [Deal(everyone, unitSeconds) ?? throw new InvalidOperationException("the even deal keeps the bounds, so a best one exists")];
        if (scenario.Mitigations.HasFlag(ScenarioMitigations.Evict))
        {
            AddWithout(everyone, unitSeconds, faults, candidates);
        }

        VirtualPlan[] plans = [.. candidates.Select(shares => new VirtualPlan(PlanEpoch.Initial, shares))];
        return plans.Length == 1 ? plans[0] : plans.MinBy(plan => ExpectedSeconds(plan, faults))!;
    }

    /// <summary>Adds the deals to fewer replicas that might be the best.</summary>
    private void AddWithout(int[] everyone, double[] unitSeconds, FaultState faults, List<int[]> candidates)
    {
        foreach (double limit in faults.LinkFactor.Distinct().Order())
        {
            int[] members = [.. everyone.Where(replica => faults.LinkFactor[replica] <= limit).OrderBy(replica => unitSeconds[replica])];
            for (int count = members.Length; count > 0; count--)
            {
                if (Deal(members[..count], unitSeconds) is not { } shares)
                {
                    break;
                }

                candidates.Add(shares);
                if (LongestOf(shares, unitSeconds) > unitSeconds[members[count - 1]])
                {
                    break;
                }
            }
        }
    }

    /// <summary>Mean over a fixed sample of noise and stalls: the more replicas finish at one time, the longer the last of them takes.</summary>
    private double ExpectedSeconds(VirtualPlan plan, FaultState faults)
    {
        var fleet = new VirtualFleet(scenario);
        double sum = 0;
        for (int sample = 1; sample <= NoiseSamples; sample++)
        {
            // Of steps that no run takes.
            _draws.Draw(-sample);
            sum += fleet.Take(plan, faults, _draws).StepNs * 1e-9;
        }

        return sum / NoiseSamples;
    }

    private int[]? Deal(int[] members, double[] unitSeconds)
    {
        int[] lowest = new int[members.Length];
        Array.Fill(lowest, 1);
        var problem = new RebalanceProblem
        {
            FixedSeconds = new double[members.Length],
            SecondsPerUnit = Array.ConvertAll(members, replica => unitSeconds[replica]),
            Lowest = lowest,
            Highest = Array.ConvertAll(members, replica => _caps[replica]),
            Current = EvenDeal.Of(scenario.MicroBatches, members.Length),
            Total = scenario.MicroBatches,
        };
        if (_planner.Solve(problem) is not RebalanceOutcome.Solved solved)
        {
            return null;
        }

        int[] shares = new int[scenario.Replicas];
        Array.Fill(shares, VirtualPlan.NotMember);
        for (int i = 0; i < members.Length; i++)
        {
            shares[members[i]] = solved.MicroBatches[i];
        }

        return shares;
    }

    private double[] MeanUnitSeconds(FaultState faults)
    {
        double[] seconds = [.. faults.SecondsPerUnit];
        foreach (int stall in faults.Stalls)
        {
            ScenarioEvent befalls = scenario.Events[stall];
            foreach (int replica in FaultState.ReplicasOf(befalls))
            {
                seconds[replica] *= 1 + (befalls.Probability * (befalls.Factor - 1));
            }
        }

        return seconds;
    }

    private static double LongestOf(int[] shares, double[] unitSeconds)
    {
        double longest = 0;
        for (int replica = 0; replica < shares.Length; replica++)
        {
            longest = Math.Max(longest, Math.Max(0, shares[replica]) * unitSeconds[replica]);
        }

        return longest;
    }
}
