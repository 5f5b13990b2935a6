namespace StragglerGuard.Simulation;

/// <summary>What one step of a whole fleet came to.</summary>
/// <param name="ReductionNs">When the collective had whom it waits for, ns from the step's start.</param>
/// <param name="TransferNs">What the collective took from then on, ns.</param>
/// <param name="StepNs">The whole step, ns.</param>
/// <param name="UnitsCounted">Micro-batches that entered the gradient.</param>
internal readonly record struct FleetStep(long ReductionNs, long TransferNs, long StepNs, long UnitsCounted);

/// <summary>The replicas of a scenario under one schedule: what each does in a step, and when it is done.</summary>
/// <remarks>
/// A plan with a deadline τ: a replica stops at the end of the micro-batch in which its own work passes τ. A plan with b backups: the
/// collective has all that it waits for at the arrival of the (members − b)-th; who is later counts for nothing, gives up at the end of the
/// micro-batch that it is in, and begins the next step when that is done.
/// </remarks>
internal sealed class VirtualFleet
{
    private readonly Scenario _scenario;
    private readonly long[] _occupiedNs;
    private readonly long[] _sorted;

    public VirtualFleet(Scenario scenario)
    {
        _scenario = scenario;
        int replicas = scenario.Replicas;
        ComputeNs = new long[replicas];
        ArrivalNs = new long[replicas];
        UnitsDone = new int[replicas];
        IsLate = new bool[replicas];
        _occupiedNs = new long[replicas];
        _sorted = new long[replicas];
    }

    /// <summary>Per replica: own work of the last step, ns.</summary>
    public long[] ComputeNs { get; }

    /// <summary>Per replica: when it entered the collective, ns from the step's start.</summary>
    public long[] ArrivalNs { get; }

    /// <summary>Per replica: micro-batches done.</summary>
    public int[] UnitsDone { get; }

    /// <summary>Per replica: whether the collective did not wait for it.</summary>
    public bool[] IsLate { get; }

    /// <summary>Takes a step.</summary>
    /// <param name="plan">The plan in force.</param>
    /// <param name="faults">What is wrong.</param>
    /// <param name="draws">The chance of this step.</param>
    public FleetStep Take(VirtualPlan plan, FaultState faults, StepDraws draws)
    {
        double slowestLink = 0;
        int members = 0;
        for (int replica = 0; replica < UnitsDone.Length; replica++)
        {
            if (plan.Shares[replica] == VirtualPlan.NotMember)
            {
                ComputeNs[replica] = ArrivalNs[replica] = UnitsDone[replica] = 0;
                continue;
            }

            double unitNs = UnitNs(replica, faults, draws);
            int units = plan.Shares[replica];
            if (plan.DeadlineNs > 0)
            {
                units = (int)Math.Min(units, Math.Ceiling(plan.DeadlineNs / unitNs));
            }

            UnitsDone[replica] = units;
            ComputeNs[replica] = (long)Math.Round(units * unitNs);
            ArrivalNs[replica] = _occupiedNs[replica] + ComputeNs[replica];
            _sorted[members++] = ArrivalNs[replica];
            slowestLink = Math.Max(slowestLink, faults.LinkFactor[replica]);
        }

        long reductionNs = ReductionOf(members, plan.Backups);
        long transferNs = Nanoseconds(_scenario.TransferSeconds * slowestLink);
        long stepNs = reductionNs + transferNs + Nanoseconds(_scenario.FixedSeconds);
        long counted = 0;
        for (int replica = 0; replica < UnitsDone.Length; replica++)
        {
            IsLate[replica] = ArrivalNs[replica] > reductionNs;
            if (IsLate[replica])
            {
                GiveUp(replica, UnitNs(replica, faults, draws), reductionNs, stepNs);
            }
            else
            {
                counted += UnitsDone[replica];
                _occupiedNs[replica] = 0;
            }
        }

        return new FleetStep(reductionNs, transferNs, stepNs, counted);
    }

    public static long Nanoseconds(double seconds) => (long)Math.Round(seconds * 1e9);

    private long ReductionOf(int members, int backups)
    {
        Span<long> arrivals = _sorted.AsSpan(0, members);
        if (backups == 0)
        {
            long last = 0;
            foreach (long arrivalNs in arrivals)
            {
                last = Math.Max(last, arrivalNs);
            }

            return last;
        }

        arrivals.Sort();
        return arrivals[Math.Max(0, members - backups - 1)];
    }

    private void GiveUp(int replica, double unitNs, long reductionNs, long stepNs)
    {
        double begun = Math.Ceiling(Math.Max(0, reductionNs - _occupiedNs[replica]) / unitNs);
        UnitsDone[replica] = (int)Math.Min(UnitsDone[replica], begun);
        ComputeNs[replica] = (long)Math.Round(UnitsDone[replica] * unitNs);
        long freeNs = _occupiedNs[replica] + ComputeNs[replica];
        _occupiedNs[replica] = Math.Max(0, freeNs - stepNs);

        // Its communication thread enters for it.
        ArrivalNs[replica] = reductionNs;
    }

    private double UnitNs(int replica, FaultState faults, StepDraws draws)
    {
        double seconds = faults.SecondsPerUnit[replica] * draws.Noise[replica];
        foreach (int stall in faults.Stalls)
        {
            ScenarioEvent befalls = _scenario.Events[stall];
            if (Befalls(befalls, replica) && draws.Uniform(stall, replica) < befalls.Probability)
            {
                seconds *= befalls.Factor;
            }
        }

        return seconds * 1e9;
    }

    private static bool Befalls(ScenarioEvent one, int replica)
    {
        foreach (ReplicaRange range in one.Replicas)
        {
            if (range.First <= replica && replica <= range.Last)
            {
                return true;
            }
        }

        return false;
    }
}
