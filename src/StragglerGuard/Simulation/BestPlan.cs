using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Simulation;

/// <summary>The best plan for a fleet whose state is known: what a guardian without any delay, doubt or cost would do.</summary>
/// <remarks>
/// <para>Of an integer deal the planner's optimum for the mean speeds; a stall counts at its mean. With evictions, the best over all subsets:
/// the ring is as slow as the slowest link among the members, so only the distinct link factors matter as a limit, and among the members
/// within a limit leaving one out can shorten the rest of the step only where a single micro-batch on the slowest replica is what the step
/// lasts; so replicas are left out in that order while that is so.</para>
/// <para>Without noise this is exact. With noise, and for deadlines and backups, plans are compared by their rate over a sample of steps: every
/// deal as it is, under 15 deadlines, and with 1 to 8 backups; the deal itself stays that of the mean speeds, which a lucky one may beat by a
/// fraction of the noise.</para>
/// </remarks>
internal sealed class BestPlan(Scenario scenario)
{
    // Stalls are rare, so a small fleet needs many steps to tell one plan from another; in a large one a few have them all.
    private const int ReplicaSamples = 16_384;
    private const int NoiseSamplesMin = 16;
    private const int NoiseSamplesMax = 1_024;
    private const int BackupsTried = 8;

    // Deadlines are tried as multiples of the slowest replica's mean own work: half of it loses half of the work, and twice of it is a long tail.
    private const int DeadlinesTried = 15;
    private const double DeadlineFloor = 0.5;
    private const double DeadlineCeiling = 2;

    private readonly RebalancePlanner _planner = new();
    private readonly StepDraws _draws = new(scenario);
    private readonly int _noiseSamples = Math.Clamp(ReplicaSamples / scenario.Replicas, NoiseSamplesMin, NoiseSamplesMax);
    private readonly int[] _caps = [.. scenario.Classes.SelectMany(members => Enumerable.Repeat(members.MicroBatchesMax, members.Replicas))];

    /// <summary>The plan.</summary>
    public VirtualPlan For(FaultState faults)
    {
        double[] unitSeconds = MeanUnitSeconds(faults);
        List<VirtualPlan> candidates = [];
        if (!May(ScenarioMitigations.Rebalance))
        {
            candidates.Add(VirtualPlan.Even(scenario));
        }
        else
        {
            int[] everyone = [.. Enumerable.Range(0, scenario.Replicas)];
            candidates.Add(Deal(everyone, unitSeconds) ?? throw new InvalidOperationException("the even deal keeps the bounds, so a best one exists"));
            if (May(ScenarioMitigations.Evict))
            {
                AddWithout(everyone, unitSeconds, faults, candidates);
            }
        }

        candidates.AddRange(candidates.ToArray().SelectMany(plan => ForTails(plan, unitSeconds)));
        return candidates.Count == 1 ? candidates[0] : candidates.MaxBy(plan => ExpectedRate(plan, faults))!;
    }

    private bool May(ScenarioMitigations mitigation) => scenario.Mitigations.HasFlag(mitigation);

    /// <summary>The same deal with a deadline, or with backups.</summary>
    private IEnumerable<VirtualPlan> ForTails(VirtualPlan plan, double[] unitSeconds)
    {
        if (May(ScenarioMitigations.Deadline))
        {
            double longest = LongestOf(plan.Shares, unitSeconds);
            for (int i = 1; i <= DeadlinesTried; i++)
            {
                yield return plan with { DeadlineNs = VirtualFleet.Nanoseconds(longest * (DeadlineFloor + ((DeadlineCeiling - DeadlineFloor) * i / DeadlinesTried))) };
            }
        }

        if (May(ScenarioMitigations.Backup))
        {
            int members = plan.Shares.Count(share => share != VirtualPlan.NotMember);
            for (int backups = 1; backups <= Math.Min(BackupsTried, members / 2); backups++)
            {
                yield return plan with { Backups = backups };
            }
        }
    }

    /// <summary>Adds the deals to fewer replicas that might be the best.</summary>
    private void AddWithout(int[] everyone, double[] unitSeconds, FaultState faults, List<VirtualPlan> candidates)
    {
        foreach (double limit in faults.LinkFactor.Distinct().Order())
        {
            int[] members = [.. everyone.Where(replica => faults.LinkFactor[replica] <= limit).OrderBy(replica => unitSeconds[replica])];
            for (int count = members.Length; count > 0; count--)
            {
                if (Deal(members[..count], unitSeconds) is not { } without)
                {
                    break;
                }

                candidates.Add(without);
                if (LongestOf(without.Shares, unitSeconds) > unitSeconds[members[count - 1]])
                {
                    break;
                }
            }
        }
    }

    /// <summary>
    /// Micro-batches a second over a fixed sample of noise and stalls: the more replicas finish at one time, the longer the last of them takes.
    /// </summary>
    private double ExpectedRate(VirtualPlan plan, FaultState faults)
    {
        var fleet = new VirtualFleet(scenario);
        long units = 0;
        long ns = 0;
        for (int sample = 1; sample <= _noiseSamples; sample++)
        {
            // Of steps that no run takes.
            _draws.Draw(-sample);
            FleetStep taken = fleet.Take(plan, faults, _draws);
            units += taken.UnitsCounted;
            ns += taken.StepNs;
        }

        return units / (double)ns;
    }

    private VirtualPlan? Deal(int[] members, double[] unitSeconds)
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

        return new VirtualPlan(PlanEpoch.Initial, shares);
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
