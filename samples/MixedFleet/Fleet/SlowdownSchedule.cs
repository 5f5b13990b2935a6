using System.Globalization;
using MixedFleet.Data;

namespace MixedFleet.Fleet;

/// <summary>Which ranks are slowed, by how much and when: the arguments <c>--slow RANK:FACTOR@FROM-TO</c>.</summary>
/// <remarks>
/// A window covers the steps FROM ≤ s &lt; TO; without <c>@FROM-TO</c> it covers the whole run. A factor of 2 doubles the time of a
/// micro-batch, 0.5 halves it. Factors of windows that overlap on a rank are multiplied.
/// </remarks>
internal sealed class SlowdownSchedule
{
    /// <summary>The smallest factor of a rank at any step.</summary>
    public const double FactorMin = 0.001;

    /// <summary>The largest factor of a rank at any step.</summary>
    public const double FactorMax = 1000;

    /// <summary>No rank is slowed.</summary>
    public static readonly SlowdownSchedule None = new([]);

    private readonly Window[] _windows;

    private SlowdownSchedule(Window[] windows) => _windows = windows;

    /// <summary>Whether no rank is ever slowed or made faster.</summary>
    public bool IsEmpty => _windows.Length == 0;

    /// <summary>The step at which the last window with an end ends; null where none has one.</summary>
    public long? LastEnd => _windows.Where(window => window.To < long.MaxValue).Select(window => (long?)window.To).Max();

    /// <summary>Reads the arguments.</summary>
    /// <param name="arguments">One text for each <c>--slow</c>.</param>
    /// <param name="fleet">The ranks that there are, and which of them are emulated.</param>
    public static Checked<SlowdownSchedule> Parse(IReadOnlyList<string> arguments, FleetDefinition fleet)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        ArgumentNullException.ThrowIfNull(fleet);
        List<string> errors = [];
        List<Window> windows = [];
        foreach (string argument in arguments)
        {
            if (ParseOne(argument, fleet, errors) is { } window)
            {
                windows.Add(window);
            }
        }

        SlowdownSchedule schedule = new([.. windows]);
        if (errors.Count == 0)
        {
            schedule.CheckProducts(fleet.Ranks.Count, errors);
        }

        return errors.Count > 0 ? Checked<SlowdownSchedule>.Bad(errors) : Checked<SlowdownSchedule>.Good(schedule);
    }

    /// <summary>What the time of a rank's micro-batches is multiplied by; 1 where nothing was said. Allocates nothing.</summary>
    /// <param name="rank">0-based.</param>
    /// <param name="step">0 or more.</param>
    public double FactorAt(int rank, long step)
    {
        double factor = 1;
        foreach (Window window in _windows)
        {
            if (window.Rank == rank && window.From <= step && step < window.To)
            {
                factor *= window.Factor;
            }
        }

        return factor;
    }

    /// <summary>The smallest factor that a rank ever has: 1 or less where it runs at its own pace at some time.</summary>
    /// <param name="rank">0-based.</param>
    public double SmallestFactor(int rank) => BeginningsOfIntervals(rank).Min(step => FactorAt(rank, step));

    private static Window? ParseOne(string argument, FleetDefinition fleet, List<string> errors)
    {
        int before = errors.Count;
        int colon = argument.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
        {
            errors.Add($"--slow {argument}: must read RANK:FACTOR@FROM-TO or RANK:FACTOR");
            return null;
        }

        int at = argument.IndexOf('@', colon);
        string rankText = argument[..colon];
        string factorText = at < 0 ? argument[(colon + 1)..] : argument[(colon + 1)..at];

        bool isRank = int.TryParse(rankText, NumberStyles.None, CultureInfo.InvariantCulture, out int rank) && rank < fleet.Ranks.Count;
        if (!isRank)
        {
            Fault($"RANK '{rankText}' must be a whole number from 0 to {fleet.Ranks.Count - 1}");
        }

        const NumberStyles styles = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent | NumberStyles.AllowLeadingSign;
        if (!double.TryParse(factorText, styles, CultureInfo.InvariantCulture, out double factor)
            || factor is not (>= FactorMin and <= FactorMax))
        {
            Fault(string.Create(CultureInfo.InvariantCulture, $"FACTOR '{factorText}' must be a number from {FactorMin} to {FactorMax}"));
        }
        else if (isRank && factor < 1 && fleet.Ranks[rank].PaceSeconds is null)
        {
            Fault($"FACTOR '{factorText}' is under 1, but rank {rank} computes at its true pace (\"pace\": null) and can't be made faster");
        }

        long from = 0;
        long to = long.MaxValue;
        if (at >= 0)
        {
            string range = argument[(at + 1)..];
            int dash = range.IndexOf('-', StringComparison.Ordinal);
            if (dash < 0)
            {
                Fault($"'@{range}' must read @FROM-TO");
            }
            else
            {
                bool isFrom = Step("FROM", range[..dash], out from);
                bool isTo = Step("TO", range[(dash + 1)..], out to);
                if (isFrom && isTo && from >= to)
                {
                    Fault($"FROM {from} must be below TO {to}");
                }
            }
        }

        return errors.Count == before ? new Window(rank, factor, from, to) : null;

        bool Step(string name, string text, out long step)
        {
            bool isStep = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out step);
            if (!isStep)
            {
                Fault($"{name} '{text}' must be a step, 0 or more");
            }

            return isStep;
        }

        void Fault(string what) => errors.Add($"--slow {argument}: {what}");
    }

    private void CheckProducts(int ranks, List<string> errors)
    {
        for (int rank = 0; rank < ranks; rank++)
        {
            foreach (long step in BeginningsOfIntervals(rank))
            {
                double factor = FactorAt(rank, step);
                if (factor is not (>= FactorMin and <= FactorMax))
                {
                    errors.Add(string.Create(
                        CultureInfo.InvariantCulture,
                        $"--slow: the windows of rank {rank} together make a factor of {factor:G4} at step {step}; "
                        + $"{FactorMin} to {FactorMax} is allowed"));
                    break;
                }
            }
        }
    }

    // A rank's factor is constant from one of these steps to the next.
    private IEnumerable<long> BeginningsOfIntervals(int rank) =>
        _windows
            .Where(window => window.Rank == rank)
            .SelectMany(window => new[] { window.From, window.To })
            .Where(step => step < long.MaxValue)
            .Append(0)
            .Distinct()
            .Order();

    private readonly record struct Window(int Rank, double Factor, long From, long To);
}
