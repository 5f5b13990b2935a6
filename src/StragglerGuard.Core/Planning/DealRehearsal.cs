using System.Globalization;
using StragglerGuard.Core.Baselines;

namespace StragglerGuard.Core.Planning;

/// <summary>What a recorded job would have won had its work been dealt anew as it ran.</summary>
/// <param name="Steps">Steps rehearsed.</param>
/// <param name="EvenSeconds">Σ over the steps of max_i(m_i·t_i) under the even deal, s.</param>
/// <param name="DealtSeconds">The same under the deals that would have been made, each from the steps before it alone, s.</param>
/// <param name="OracleSeconds">The same under the best deal of every single step, known beforehand: no deal does better, s.</param>
/// <param name="StepsUneven">Steps under another deal than the even one.</param>
/// <param name="LastDeal">Units by receiver for the step that would come next.</param>
/// <param name="Reason">Which rule dealt, and what it won, for a person.</param>
public sealed record DealRehearsalOutcome(
    int Steps, double EvenSeconds, double DealtSeconds, double OracleSeconds, int StepsUneven, IReadOnlyList<int> LastDeal, string Reason)
{
    /// <summary>Even over dealt.</summary>
    /// <value>Above 1 where the deals won time; 1 without a step.</value>
    public double Gain => DealtSeconds > 0 ? EvenSeconds / DealtSeconds : 1;

    /// <summary>Even over oracle: what could be won at most.</summary>
    /// <value>1 or more.</value>
    public double OracleGain => OracleSeconds > 0 ? EvenSeconds / OracleSeconds : 1;
}

/// <summary>Deals the work of a recorded job step by step, and adds up what the steps would have taken: a fold, one thread at a time.</summary>
/// <remarks>
/// <para>The deal for a step rests on the steps before it, never on the step itself. Three planners run beside each other: the exact optimum
/// (<see cref="RebalancePlanner"/>) for the speeds of the last step, for the median speeds of the last 4, and of the last 16. Which of them suits a job depends on how
/// long its changes last, and no single one suits all jobs. So each is scored by what its deals would have taken, and a step gets the deal of the
/// planner that did best over the last <see cref="ScoredSteps"/> steps, provided that it beat the even deal there by <see cref="MinGain"/> and by
/// <see cref="GainSigmas"/> standard errors. Otherwise the step gets the even deal: where speeds change too fast to be foreseen nothing is lost by trying.</para>
/// <para>This is follow-the-leader among experts with the even deal as incumbent. It suits a rehearsal, where a change of deal costs nothing; the live
/// <see cref="Policy.RebalancePolicy"/> weighs each change against its cost and is slower to move.</para>
/// <para>A receiver (data-parallel replica) takes m_i·t_i for m_i units; every receiver gets one unit at least.</para>
/// </remarks>
public sealed class DealRehearsal
{
    /// <summary>Steps that the planners are compared on.</summary>
    public const int ScoredSteps = 32;

    /// <summary>Fewest steps before anything but the even deal.</summary>
    public const int EvidenceMin = 4;

    /// <summary>Least mean gain over the even deal.</summary>
    public const double MinGain = 0.005;

    /// <summary>Standard errors that the mean gain must exceed.</summary>
    public const double GainSigmas = 2;

    private static readonly int[] Windows = [1, 4, 16];

    private readonly RebalancePlanner _planner = new();
    private readonly int _receivers;
    private readonly int _total;
    private readonly int[] _even;
    private readonly double[] _fixed;
    private readonly int[] _lowest;
    private readonly int[] _highest;
    private readonly int[][] _candidates;
    private readonly double[] _recent;
    private readonly double[] _estimate;
    private readonly double[] _gains;
    private readonly double[] _scratch = new double[Windows[^1]];
    private double _evenSeconds;
    private double _dealtSeconds;
    private double _oracleSeconds;
    private int _steps;
    private int _stepsUneven;

    /// <summary>Begins with no step.</summary>
    /// <param name="receivers">Data-parallel replicas, 1 or more.</param>
    /// <param name="total">Units (micro-batches) of a step; as many as receivers or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public DealRehearsal(int receivers, int total)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(receivers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(total, receivers);
        _receivers = receivers;
        _total = total;
        _even = EvenDeal.Of(total, receivers);
        _fixed = new double[receivers];
        _lowest = new int[receivers];
        Array.Fill(_lowest, 1);
        _highest = new int[receivers];
        Array.Fill(_highest, total);
        _candidates = [.. Windows.Select(_ => _even)];
        _recent = new double[receivers * Windows[^1]];
        _estimate = new double[receivers];
        _gains = new double[ScoredSteps * Windows.Length];
    }

    /// <summary>Takes the next step: it is dealt first, and only then seen.</summary>
    /// <param name="secondsPerUnit">What a unit cost each receiver in this step: seconds, finite, above 0.</param>
    /// <exception cref="ArgumentException">Another number of receivers, or a time out of range.</exception>
    public void Add(ReadOnlySpan<double> secondsPerUnit)
    {
        if (secondsPerUnit.Length != _receivers)
        {
            throw new ArgumentException(Say($"{secondsPerUnit.Length} times for {_receivers} receivers."), nameof(secondsPerUnit));
        }

        foreach (double seconds in secondsPerUnit)
        {
            if (!double.IsFinite(seconds * _total) || seconds <= 0)
            {
                throw new ArgumentException(Say($"A unit of {seconds} s."), nameof(secondsPerUnit));
            }
        }

        int leader = Leader();
        double even = RebalancePlanner.LongestOf(_fixed, secondsPerUnit, _even);
        Span<double> gains = _gains.AsSpan(_steps % ScoredSteps * Windows.Length, Windows.Length);
        for (int candidate = 0; candidate < Windows.Length; candidate++)
        {
            double taken = RebalancePlanner.LongestOf(_fixed, secondsPerUnit, _candidates[candidate]);
            gains[candidate] = 1 - (taken / even);
            _dealtSeconds += candidate == leader ? taken : 0;
        }

        _evenSeconds += even;
        _dealtSeconds += leader < 0 ? even : 0;
        _stepsUneven += leader >= 0 && !_candidates[leader].AsSpan().SequenceEqual(_even) ? 1 : 0;
        _oracleSeconds += RebalancePlanner.LongestOf(_fixed, secondsPerUnit, Solve(secondsPerUnit, _even));
        secondsPerUnit.CopyTo(_recent.AsSpan(_steps % Windows[^1] * _receivers));
        _steps++;
        for (int candidate = 0; candidate < Windows.Length; candidate++)
        {
            Estimate(Math.Min(Windows[candidate], _steps));
            _candidates[candidate] = Solve(_estimate, _candidates[candidate]);
        }
    }

    /// <summary>What it would have come to.</summary>
    public DealRehearsalOutcome Outcome()
    {
        int leader = Leader();
        var outcome = new DealRehearsalOutcome(
            _steps, _evenSeconds, _dealtSeconds, _oracleSeconds, _stepsUneven, leader < 0 ? _even : _candidates[leader], string.Empty);
        string dealt = _stepsUneven == 0
            ? Say($"the even deal would have stood for all {_steps} steps: no uneven one was sure to win")
            : Say($"{_stepsUneven} of {_steps} steps would have been dealt unevenly, and the job would have run {outcome.Gain:0.000} times as fast");
        return outcome with
        {
            Reason = dealt + Say($"; with every step known beforehand {outcome.OracleGain:0.000}. Each deal rests on the steps before it alone."),
        };
    }

    /// <summary>The planner that did best and surely better than the even deal; −1 where none did.</summary>
    private int Leader()
    {
        int scored = Math.Min(_steps, ScoredSteps);
        int leader = -1;
        if (scored < EvidenceMin)
        {
            return leader;
        }

        double best = 0;
        for (int candidate = 0; candidate < Windows.Length; candidate++)
        {
            double sum = 0;
            for (int step = 0; step < scored; step++)
            {
                sum += _gains[(step * Windows.Length) + candidate];
            }

            double mean = sum / scored;
            double squares = 0;
            for (int step = 0; step < scored; step++)
            {
                double distance = _gains[(step * Windows.Length) + candidate] - mean;
                squares += distance * distance;
            }

            double error = Math.Sqrt(squares / (scored - 1) / scored);
            if (mean > Math.Max(MinGain, GainSigmas * error) && mean > best)
            {
                best = mean;
                leader = candidate;
            }
        }

        return leader;
    }

    private void Estimate(int window)
    {
        for (int receiver = 0; receiver < _receivers; receiver++)
        {
            for (int back = 0; back < window; back++)
            {
                _scratch[back] = _recent[((_steps - 1 - back) % Windows[^1] * _receivers) + receiver];
            }

            _estimate[receiver] = OrderStatistics.Median(_scratch.AsSpan(0, window));
        }
    }

    private int[] Solve(ReadOnlySpan<double> secondsPerUnit, int[] current)
    {
        var problem = new RebalanceProblem
        {
            FixedSeconds = _fixed,
            SecondsPerUnit = secondsPerUnit.ToArray(),
            Lowest = _lowest,
            Highest = _highest,
            Current = current,
            Total = _total,
        };
        return _planner.Solve(problem) is RebalanceOutcome.Solved solved ? [.. solved.MicroBatches] : _even;
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
