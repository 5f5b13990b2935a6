using StragglerGuard.Core.Planning;

namespace StragglerGuard.Guardian;

/// <summary>What a plan makes of one step whose members' speeds are known.</summary>
/// <param name="Seconds">The step, s; NaN where a speed is unknown.</param>
/// <param name="Units">Micro-batches that enter the update.</param>
internal readonly record struct PlanReckoning(double Seconds, double Units)
{
    /// <summary>Seconds per micro-batch that enters the update; NaN where a speed is unknown or nothing would be done.</summary>
    public double SecondsPerUnit => Units > 0 ? Seconds / Units : double.NaN;

    /// <summary>Reckons a step.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="secondsPerUnit">One a member of the plan.</param>
    /// <param name="commonSeconds">What the step takes beyond the own work, s.</param>
    /// <param name="scratch">As long as there are members.</param>
    public static PlanReckoning Of(JobPlan plan, ReadOnlySpan<double> secondsPerUnit, double commonSeconds, Span<double> scratch)
    {
        ReadOnlySpan<int> shares = plan.Deal.MicroBatches;
        Span<double> own = scratch[..shares.Length];
        double deadline = plan.DeadlineNs * 1e-9;
        double done = 0;
        double longest = 0;
        for (int member = 0; member < shares.Length; member++)
        {
            double pace = secondsPerUnit[member];
            int units = shares[member];
            if (units == 0)
            {
                own[member] = 0;
                continue;
            }

            if (!(pace > 0 && double.IsFinite(pace)))
            {
                return new PlanReckoning(double.NaN, 0);
            }

            if (deadline > 0 && units * pace > deadline)
            {
                units = Math.Min(units, Math.Max(1, (int)Math.Ceiling(deadline / pace)));
            }

            own[member] = units * pace;
            longest = Math.Max(longest, own[member]);
            done += units;
        }

        if (plan.Backups > 0)
        {
            double[] arrivals = own.ToArray();
            Array.Sort(arrivals);
            longest = arrivals[^(plan.Backups + 1)];
            done = 0;
            for (int member = 0; member < shares.Length; member++)
            {
                done += shares[member] > 0 && own[member] <= longest ? Math.Round(own[member] / secondsPerUnit[member]) : 0;
            }
        }

        return new PlanReckoning(longest + commonSeconds, done);
    }
}
