using System.Globalization;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Simulation;

/// <summary>What is wrong with values of a scenario that are good each by itself.</summary>
internal static class ScenarioChecks
{
    /// <summary>A run of thirty years is a mistake, and the clock of a rank counts nanoseconds in 64 bits.</summary>
    public const double RunSecondsMax = 1e9;

    /// <summary>Of all factors together that hold on a replica at once.</summary>
    private const double ProductMax = 1_000;

    private const double SecondsPerHour = 3_600;

    public static void Check(Scenario scenario, ScenarioFields fields, ScenarioFaults faults)
    {
        int[] even = EvenDeal.Of(scenario.MicroBatches, scenario.Replicas);
        if (even[^1] == 0)
        {
            faults.Add(
                fields.PlaceOf("microBatches"), "microBatches", $"{scenario.MicroBatches} are fewer than the {scenario.Replicas} replicas, each needs one");
            return;
        }

        int first = 0;
        double longest = 0;
        double unitsPerSecond = 0;
        foreach (ReplicaClass members in scenario.Classes)
        {
            if (even[first] > members.MicroBatchesMax)
            {
                faults.Add(
                    fields.PlaceOf("microBatches"), "microBatches",
                    $"dealt evenly give {members.DeviceClass} {even[first]}, more than its microBatchesMax of {members.MicroBatchesMax}");
            }

            longest = Math.Max(longest, even[first] * members.SecondsPerMicroBatch);
            unitsPerSecond += members.Replicas / members.SecondsPerMicroBatch;
            first += members.Replicas;
        }

        double product = WorstProduct(scenario.Events);
        double fixedSeconds = scenario.TransferSeconds + scenario.FixedSeconds;
        double steps = scenario.Steps ?? scenario.Hours!.Value * SecondsPerHour / ((scenario.MicroBatches / unitsPerSecond) + fixedSeconds);
        if (product > ProductMax * (1 + 1e-9))
        {
            faults.Add(fields.PlaceOf("events"), "events", string.Create(
                CultureInfo.InvariantCulture, $"overlap to a factor of {product:0.#} on one replica, allowed is {ProductMax:0} at most"));
        }
        else if (steps > Scenario.StepsMax)
        {
            faults.Add(fields.PlaceOf("hours"), "hours", string.Create(
                CultureInfo.InvariantCulture, $"are some {steps:0} steps, allowed are {Scenario.StepsMax} at most"));
        }
        else if ((longest + fixedSeconds) * product * steps > RunSecondsMax)
        {
            faults.Add(fields.PlaceOf("steps"), "steps", string.Create(
                CultureInfo.InvariantCulture, $"may take more than {RunSecondsMax:0} s of virtual time, which is the most allowed"));
        }
    }

    /// <summary>The largest product of factors that hold on a replica at once, whatever their kinds. It is reached where some event begins.</summary>
    private static double WorstProduct(IReadOnlyList<ScenarioEvent> events)
    {
        double worst = 0;
        foreach (double from in events.Select(one => one.From).Distinct())
        {
            // A sweep over the replicas, in logarithms: a range adds its factor where it begins, and takes it back behind its end.
            double sum = 0;
            IEnumerable<(int Replica, double Change)> turns = events.Where(one => one.HoldsAt((long)from, from)).SelectMany(
                one => one.Replicas.SelectMany(range => new[] { (range.First, Math.Log(one.Factor)), (range.Last + 1, -Math.Log(one.Factor)) }));
            foreach ((_, double change) in turns.OrderBy(turn => turn.Replica).ThenBy(turn => turn.Change))
            {
                sum += change;
                worst = Math.Max(worst, sum);
            }
        }

        return Math.Exp(worst);
    }
}
