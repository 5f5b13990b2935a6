using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Fabric.Wire;

/// <summary>Reports of every shape, drawn by chance.</summary>
internal static class RandomReports
{
    public static T[] Draw<T>(Random random, int count, Func<T> next)
    {
        ArgumentNullException.ThrowIfNull(random);
        var drawn = new T[count];
        for (int i = 0; i < count; i++)
        {
            drawn[i] = next();
        }

        return drawn;
    }

    public static NodeReport Report(Random random) => new(
        new NodeId($"node-{random.Next()}"), random.NextInt64(), random.NextInt64(),
        Draw(random, random.Next(4), () =>
        {
            int world = 1 + random.Next(512);
            int total = random.Next(1, 1 << 20);
            return new RankReport(
                new RankEnrollment(
                    new JobId($"job-{random.Next()}"), new Generation(random.Next()), new Rank(random.Next(world)), world,
                    new WorkerId(new NodeId("n"), $"GPU-{random.Next()}"), new DeviceClass("GB200"), random.Next(64), total,
                    random.Next(3), 3 + random.Next(total))
                {
                    Slots = world + 3,
                    Slot = random.Next(world + 3),
                    Abilities = (RankAbilities)random.Next(32),
                },
                Draw(random, random.Next(20), () => Timing(random)), random.NextInt64(), random.NextInt64(), random.NextInt64(),
                random.Next(2) == 0)
            {
                Failure = random.Next(2) == 0 ? null : new GroupFailure(Draw(random, random.Next(4), () => new Rank(random.Next())), $"why {random.Next()}"),
                Regroups = random.Next(2) == 0,
                Trial = random.Next(2) == 0 ? null : new RankTrial(new PlanEpoch(random.NextInt64()), 1 + random.NextDouble()),
                Device = random.Next(2) == 0 ? default : Reading(random),
            };
        }))
    {
        Standby = Draw(random, random.Next(4), () => new StandbyReport(
            new JobId($"job-{random.Next()}"), random.Next(8), 8, new WorkerId(new NodeId("n"), $"GPU-{random.Next()}"), new DeviceClass("H100"),
            random.Next(2) == 0 ? null : 1 + random.NextDouble())),
    };

    private static DeviceReading Reading(Random random)
    {
        double? Perhaps(double value) => random.Next(2) == 0 ? null : value;
        return new DeviceReading(Perhaps(random.Next(3000)), Perhaps(random.Next(3000)), random.Next(3) switch { 0 => null, 1 => true, _ => false })
        {
            Limits = random.Next(2) == 0 ? null : (ClockLimits)random.Next(512),
            TemperatureCelsius = Perhaps(random.Next(-40, 110)),
            PowerWatts = Perhaps(random.NextDouble() * 1000),
            Utilization = Perhaps(random.NextDouble()),
        };
    }

    private static StepTiming Timing(Random random) => new()
    {
        Generation = new Generation(random.Next()),
        Step = random.NextInt64(),
        Rank = new Rank(random.Next()),
        Kind = (TimingKind)random.Next(2),
        StartNs = random.NextInt64(),
        ComputeNs = random.NextInt64(),
        DataWaitNs = random.NextInt64(),
        ArrivalNs = random.NextInt64(),
        DepartureNs = random.NextInt64(),
        WorkUnits = random.Next(),
        Weight = random.NextDouble(),
        WorkloadFeature = random.NextDouble(),
        Epoch = new PlanEpoch(random.NextInt64()),
    };
}
