namespace StragglerGuard.Simulation;

/// <summary>The chance of one step: the same for every schedule, and whatever was drawn before.</summary>
/// <remarks>
/// Numbers are hashes of (seed, step, rank) in integers, not a sequence: schedules of unequal length stay comparable, and no library's
/// generator or logarithm decides a digit. Noise is the sum of eight uniform numbers (Irwin–Hall), near enough to normal, and bounded at
/// 4.9 standard deviations.
/// </remarks>
internal sealed class StepDraws
{
    private const int UniformsSummed = 8;
    private const double UniformRange = 65_536;

    private readonly double[] _noise;
    private readonly int[] _ranksPerReplica;
    private readonly long[] _firstRank;
    private readonly double _sigma;
    private readonly ulong _seed;

    public StepDraws(Scenario scenario)
    {
        _ranksPerReplica = [.. scenario.Classes.SelectMany(members => Enumerable.Repeat(members.RanksPerReplica, members.Replicas))];
        _noise = new double[_ranksPerReplica.Length];
        _firstRank = new long[_noise.Length];
        for (int replica = 1; replica < _noise.Length; replica++)
        {
            _firstRank[replica] = _firstRank[replica - 1] + _ranksPerReplica[replica - 1];
        }

        _sigma = scenario.Noise;
        _seed = Mixed((ulong)scenario.Seed + 1);
    }

    /// <summary>Per replica the factor on its own work: that of its slowest rank.</summary>
    public ReadOnlySpan<double> Noise => _noise;

    /// <summary>The step that was drawn last.</summary>
    public long Step { get; private set; } = -1;

    /// <summary>Draws a step.</summary>
    public void Draw(long step)
    {
        Step = step;
        ulong key = Mixed(_seed ^ (ulong)step);
        for (int replica = 0; replica < _noise.Length; replica++)
        {
            double slowest = double.NegativeInfinity;
            for (int rank = 0; rank < _ranksPerReplica[replica]; rank++)
            {
                slowest = Math.Max(slowest, Normal(key, (ulong)(_firstRank[replica] + rank)));
            }

            _noise[replica] = 1 + (_sigma * slowest);
        }
    }

    /// <summary>A number for a purpose, 0 … 1 (excluded), the same whenever it is asked for.</summary>
    /// <param name="purpose">What it is for.</param>
    /// <param name="which">Which of that kind.</param>
    public double Uniform(int purpose, long which) => Uniform(purpose, which, Step);

    /// <inheritdoc cref="Uniform(int, long)"/>
    public double Uniform(int purpose, long which, long step) =>
        (Mixed(Mixed(Mixed(_seed ^ (ulong)step) + (ulong)purpose + 1) ^ (ulong)which) >> 11) * (1.0 / (1L << 53));

    private static double Normal(ulong key, ulong rank)
    {
        ulong first = Mixed(key ^ rank);
        ulong second = Mixed(first + 0x9E3779B97F4A7C15);
        long sum = SumOfQuarters(first) + SumOfQuarters(second);

        // Each uniform number is of 0 … 65,535: mean 32,767.5, variance (65,536² − 1)/12.
        double variance = UniformsSummed * ((UniformRange * UniformRange) - 1) / 12;
        return (sum - (UniformsSummed * (UniformRange - 1) / 2)) / Math.Sqrt(variance);
    }

    private static long SumOfQuarters(ulong bits) =>
        (long)((bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF) + (bits >> 48));

    /// <summary>SplitMix64's finaliser (Steele, Lea and Flood 2014).</summary>
    private static ulong Mixed(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
