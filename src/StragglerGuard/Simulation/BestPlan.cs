using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Simulation;

/// <summary>The best plan for a fleet whose state is known: what a guardian without any delay, doubt or cost would do.</summary>
/// <remarks>
/// <para>Exact for the mitigations that the scenario allows. Of an integer deal the planner's optimum. With evictions, the best over all
/// subsets: the ring is as slow as the slowest link among the members, so only the distinct link factors matter as a limit, and among the
/// members within a limit leaving one out can shorten the rest of the step only where a single micro-batch on the slowest replica is what
/// the step lasts; so replicas are left out in that order while that is so.</para>
/// <para>A stall counts at its mean.</para>
/// </remarks>
internal sealed class BestPlan(Scenario scenario)
{
    private readonly RebalancePlanner _planner = new();
    private readonly int[] _caps = [.. scenario.Classes.SelectMany(members => Enumerable.Repeat(members.MicroBatchesMax, members.Replicas))];

    /// <summary>The plan, and what a step takes under it without noise, s.</summary>
    public (VirtualPlan Plan, double StepSeconds) For(FaultState faults)
    {
        double[] unitSeconds = MeanUnitSeconds(faults);
        if (!scenario.Mitigations.HasFlag(ScenarioMitigations.Rebalance))
        {
            VirtualPlan even = VirtualPlan.Even(scenario);
            return (even, LongestOf(even.Shares, unitSeconds) + RingSeconds(even.Shares, faults));
        }

        int[] everyone = [.. Enumerable.Range(0, scenario.Replicas)];
        (int[] Shares, double Seconds) best = Deal(everyone, unitSeconds, faults)
            ?? throw new InvalidOperationException("the even deal keeps the bounds, so a best deal exists");
        if (scenario.Mitigations.HasFlag(ScenarioMitigations.Evict))
        {
            foreach (double limit in faults.LinkFactor.Distinct().Order())
            {
                int[] members = [.. everyone.Where(replica => faults.LinkFactor[replica] <= limit).OrderBy(replica => unitSeconds[replica])];
                for (int count = members.Length; count > 0; count--)
                {
                    if (Deal(members[..count], unitSeconds, faults) is not { } without)
                    {
                        break;
                    }

                    best = without.Seconds < best.Seconds ? without : best;
                    if (LongestOf(without.Shares, unitSeconds) > unitSeconds[members[count - 1]])
                    {
                        break;
                    }
                }
            }
        }

        return (new VirtualPlan(PlanEpoch.Initial, best.Shares), best.Seconds);
    }

    private (int[] Shares, double Seconds)? Deal(int[] members, double[] unitSeconds, FaultState faults)
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

        return (shares, solved.StepSeconds + RingSeconds(shares, faults));
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

    private double RingSeconds(int[] shares, FaultState faults)
    {
        double slowest = 0;
        for (int replica = 0; replica < shares.Length; replica++)
        {
            slowest = shares[replica] == VirtualPlan.NotMember ? slowest : Math.Max(slowest, faults.LinkFactor[replica]);
        }

        return scenario.FixedSeconds + (scenario.TransferSeconds * slowest);
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
