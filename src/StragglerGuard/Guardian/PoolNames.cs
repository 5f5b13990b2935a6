using System.Globalization;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Guardian;

/// <summary>Which pool fits a member that leaves its job.</summary>
/// <remarks>
/// The members, those that leave included, are parted by <see cref="PoolPlanner"/> into at most one pool more than there are classes. A pool is named
/// for the class that most of its members are of, and where its slowest is slower than that class's median, by how much: <c>H100 at 0.4</c>.
/// </remarks>
internal static class PoolNames
{
    /// <summary>Slower by less than this, a pool is as fast as its class.</summary>
    private const double FullSpeed = 0.95;

    /// <summary>Names a pool for each member that leaves.</summary>
    /// <param name="secondsPerUnit">One a member, s; NaN where unknown.</param>
    /// <param name="classes">One a member.</param>
    /// <param name="leaving">Numbers of members.</param>
    /// <param name="horizonSeconds">See <see cref="PoolProblem.HorizonSeconds"/>.</param>
    /// <returns>By number; its class for a member of unknown speed.</returns>
    public static IReadOnlyDictionary<int, string> Of(
        ReadOnlySpan<double> secondsPerUnit, IReadOnlyList<DeviceClass> classes, IEnumerable<int> leaving, double horizonSeconds)
    {
        List<int> known = [];
        List<double> speeds = [];
        for (int number = 0; number < secondsPerUnit.Length; number++)
        {
            if (secondsPerUnit[number] > 0 && double.IsFinite(1 / secondsPerUnit[number]))
            {
                known.Add(number);
                speeds.Add(1 / secondsPerUnit[number]);
            }
        }

        var names = new SortedDictionary<int, string>();
        PoolOutcome.Solved? pools = known.Count == 0 ? null : PoolPlanner.Solve(new PoolProblem
        {
            UnitsPerSecond = speeds.ToArray(),
            PoolsMax = Math.Min(PoolPlanner.PoolsLimit, known.Select(number => classes[number]).Distinct().Count() + 1),
            MembersMin = 1,
            HorizonSeconds = horizonSeconds,
        }) as PoolOutcome.Solved;
        foreach (int number in leaving)
        {
            int at = known.BinarySearch(number);
            names[number] = pools is null || at < 0
                ? classes[number].Name
                : Name(pools.Pools.First(pool => pool.Pool == pools.PoolOfMember[at]), pools, known, speeds, classes);
        }

        return names;
    }

    private static string Name(SpeedPool pool, PoolOutcome.Solved pools, List<int> known, List<double> speeds, IReadOnlyList<DeviceClass> classes)
    {
        DeviceClass most = Enumerable.Range(0, known.Count).Where(at => pools.PoolOfMember[at] == pool.Pool)
            .GroupBy(at => classes[known[at]]).OrderByDescending(group => group.Count()).ThenBy(group => group.Key.Name, StringComparer.Ordinal).First().Key;
        double[] ofClass = [.. Enumerable.Range(0, known.Count).Where(at => classes[known[at]] == most).Select(at => speeds[at])];
        double share = pool.SlowestUnitsPerSecond / RollingSeconds.MedianOf(ofClass);
        return share >= FullSpeed ? most.Name : string.Create(CultureInfo.InvariantCulture, $"{most.Name} at {share:0.0#}");
    }
}
