using StragglerGuard.Core;
using StragglerGuard.Core.Detection;

namespace StragglerGuard.Evaluation.Synthetic;

/// <summary>A fleet of one job: who computes on what, how fast, and how the work is dealt.</summary>
internal sealed record FleetShape
{
    /// <summary>What a rank is comparable within, by rank.</summary>
    public required IReadOnlyList<RankCohort> Cohorts { get; init; }

    /// <summary>Time of a rank of nominal make for a unit of work, by rank, ns.</summary>
    public required IReadOnlyList<double> UnitNs { get; init; }

    /// <summary>Standard deviation, in logs, of what one chip of a class differs from another for good.</summary>
    public double ChipSpread { get; init; }

    /// <summary>Units of work a rank on average.</summary>
    public int UnitsPerRank { get; init; } = 8;

    /// <summary>Whether the units are dealt by speed, in whole numbers, instead of evenly.</summary>
    public bool IsDealtBySpeed { get; init; }

    /// <summary>Units of work by rank where the deal is given; null for what <see cref="IsDealtBySpeed"/> makes of it.</summary>
    public IReadOnlyList<int>? Units { get; init; }

    /// <summary>What a step costs a rank however little it does, ns.</summary>
    public double FixedNs { get; init; }

    /// <summary>What the collective takes once all are there, ns.</summary>
    public double TransferNs { get; init; } = 5e6;

    /// <summary>Spread of the moments at which ranks leave a collective, ns.</summary>
    public long ExitSkewNs { get; init; } = 20_000;

    /// <summary>Ranks that hold the nominal chip, whatever the spread of the others.</summary>
    public IReadOnlyList<int> NominalChips { get; init; } = [];

    public int Ranks => Cohorts.Count;

    /// <summary>A fleet of one device class in one stage.</summary>
    public static FleetShape Equal(int ranks) => new()
    {
        Cohorts = [.. Enumerable.Repeat(new RankCohort(0, new DeviceClass("H100")), ranks)],
        UnitNs = [.. Enumerable.Repeat(20e6, ranks)],
    };

    /// <summary>Device classes beside each other in one stage: name, time for a unit in ms, ranks.</summary>
    public static FleetShape Mixed(params (string Device, double UnitMs, int Ranks)[] classes) => new()
    {
        Cohorts = [.. classes.SelectMany(one => Enumerable.Repeat(new RankCohort(0, new DeviceClass(one.Device)), one.Ranks))],
        UnitNs = [.. classes.SelectMany(one => Enumerable.Repeat(one.UnitMs * 1e6, one.Ranks))],
    };
}
