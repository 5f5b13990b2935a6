using System.Globalization;
using MixedFleet.Data;

namespace MixedFleet.Fleet;

/// <summary>Which ranks stall at random, how often and how badly: the arguments <c>--stall RANK|all:PROBABILITY:FACTOR</c>.</summary>
/// <remarks>
/// In a stalled step each of the rank's micro-batches takes FACTOR times as long: the stall is spread over the step. Whether a step stalls
/// is a hash of (seed, rank, step, argument): independent from rank to rank and step to step, and the same in every run. Factors of several
/// arguments that stall the same step are multiplied, and with those of <see cref="SlowdownSchedule"/>.
/// </remarks>
internal sealed class StallSchedule
{
    /// <summary>The largest factor of a rank at any step.</summary>
    public const double FactorMax = 1000;

    /// <summary>No rank ever stalls.</summary>
    public static readonly StallSchedule None = new([], seed: 0);

    // "stall": the seed serves weights and samples, too, and what they draw must not tell when a rank stalls.
    private const ulong Purpose = 0x7374616C6C;

    private readonly Stall[] _stalls;
    private readonly ulong _key;

    private StallSchedule(Stall[] stalls, ulong seed)
    {
        _stalls = stalls;
        _key = CounterHash.Combine(seed, Purpose);
    }

    /// <summary>Whether no rank ever stalls.</summary>
    public bool IsEmpty => _stalls.Length == 0;

    /// <summary>Reads the arguments.</summary>
    /// <param name="arguments">One text for each <c>--stall</c>.</param>
    /// <param name="fleet">The ranks that there are.</param>
    /// <param name="seed">Of the run.</param>
    public static Checked<StallSchedule> Parse(IReadOnlyList<string> arguments, FleetDefinition fleet, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        ArgumentNullException.ThrowIfNull(fleet);
        List<string> errors = [];
        List<Stall> stalls = [];
        foreach (string argument in arguments)
        {
            if (ParseOne(argument, fleet.Ranks.Count, errors) is { } stall)
            {
                stalls.Add(stall);
            }
        }

        for (int rank = 0; rank < fleet.Ranks.Count && errors.Count == 0; rank++)
        {
            double largest = stalls.Where(stall => stall.IsOf(rank)).Aggregate(1.0, (product, stall) => product * stall.Factor);
            if (largest > FactorMax)
            {
                errors.Add(string.Create(
                    CultureInfo.InvariantCulture,
                    $"--stall: the stalls of rank {rank} can make a factor of {largest:G4} together; 1 to {FactorMax} is allowed"));
            }
        }

        return errors.Count > 0
            ? Checked<StallSchedule>.Bad(errors)
            : Checked<StallSchedule>.Good(new StallSchedule([.. stalls], seed));
    }

    /// <summary>What the time of a rank's micro-batches is multiplied by in a step; 1 where it does not stall. Allocates nothing.</summary>
    /// <param name="rank">0-based.</param>
    /// <param name="step">0 or more.</param>
    public double FactorAt(int rank, long step)
    {
        double factor = 1;
        for (int i = 0; i < _stalls.Length; i++)
        {
            Stall stall = _stalls[i];
            if (stall.IsOf(rank))
            {
                ulong draw = CounterHash.Combine(CounterHash.Combine(CounterHash.Combine(_key, (ulong)rank), (ulong)step), (ulong)i);
                factor *= CounterHash.Unit(draw) < stall.Probability ? stall.Factor : 1;
            }
        }

        return factor;
    }

    /// <summary>What was asked for, one text per argument, for people.</summary>
    public IEnumerable<string> Descriptions() => _stalls.Select(stall => string.Create(
        CultureInfo.InvariantCulture,
        $"{(stall.Rank is { } rank ? $"rank {rank}" : "every rank by itself")}: {stall.Probability * 100:0.###} % of steps take {stall.Factor:0.###} times as long"));

    private static Stall? ParseOne(string argument, int ranks, List<string> errors)
    {
        int before = errors.Count;
        string[] parts = argument.Split(':');
        if (parts.Length != 3)
        {
            errors.Add($"--stall {argument}: must read RANK:PROBABILITY:FACTOR or all:PROBABILITY:FACTOR");
            return null;
        }

        int rank = 0;
        bool isAll = parts[0] == "all";
        if (!isAll && !(int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out rank) && rank < ranks))
        {
            Fault($"RANK '{parts[0]}' must be a whole number from 0 to {ranks - 1}, or all");
        }

        if (!Number(parts[1], out double probability) || probability is not (>= 0 and <= 1))
        {
            Fault($"PROBABILITY '{parts[1]}' must be a number from 0 to 1");
        }

        if (!Number(parts[2], out double factor) || factor is not (>= 1 and <= FactorMax))
        {
            Fault(string.Create(CultureInfo.InvariantCulture, $"FACTOR '{parts[2]}' must be a number from 1 to {FactorMax}"));
        }

        return errors.Count == before ? new Stall(isAll ? null : rank, probability, factor) : null;

        void Fault(string what) => errors.Add($"--stall {argument}: {what}");
    }

    private static bool Number(string text, out double number) => double.TryParse(
        text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
        out number);

    private readonly record struct Stall(int? Rank, double Probability, double Factor)
    {
        public bool IsOf(int rank) => Rank is null || Rank == rank;
    }
}
