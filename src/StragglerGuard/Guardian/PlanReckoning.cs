using StragglerGuard.Core.Planning;

namespace StragglerGuard.Guardian;

/// <summary>What a plan makes of one step whose members' speeds are known.</summary>
internal static class PlanReckoning
{
    /// <summary>Seconds per micro-batch that enters the update.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="secondsPerUnit">One a member of the plan.</param>
    /// <param name="commonSeconds">What a step takes beyond the own work, s.</param>
    /// <param name="scratch">As long as there are members.</param>
    /// <returns>NaN where a speed is unknown or nothing would be done.</returns>
    public static double SecondsPerUnit(JobPlan plan, ReadOnlySpan<double> secondsPerUnit, double commonSeconds, Span<double> scratch)
    {
        ReadOnlySpan<int> shares = plan.Deal.MicroBatches;
        double deadline = plan.DeadlineNs * 1e-9;
        double done = 0;
        double longest = 0;
        for (int member = 0; member < shares.Length; member++)
        {
            double pace = secondsPerUnit[member];
            int units = shares[member];
            if (!(pace > 0 && double.IsFinite(pace)))
            {
                return double.NaN;
            }

            if (deadline > 0 && units * pace > deadline)
            {
                units = Math.Min(units, Math.Max(1, (int)Math.Ceiling(deadline / pace)));
            }

            scratch[member] = units * pace;
            longest = Math.Max(longest, scratch[member]);
            done += units;
        }

        if (plan.Backups > 0)
        {
            Span<double> sorted = scratch[..shares.Length];
            double[] arrivals = sorted.ToArray();
            Array.Sort(arrivals);
            longest = arrivals[^(plan.Backups + 1)];
            done = 0;
            for (int member = 0; member < shares.Length; member++)
            {
                done += sorted[member] <= longest ? Math.Round(sorted[member] / secondsPerUnit[member]) : 0;
            }
        }

        return done > 0 ? (longest + commonSeconds) / done : double.NaN;
    }
}
