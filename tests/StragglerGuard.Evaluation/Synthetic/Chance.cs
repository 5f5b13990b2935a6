namespace StragglerGuard.Evaluation.Synthetic;

/// <summary>Seeded random numbers that are the same on every runtime: xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64.</summary>
internal sealed class Chance
{
    private ulong _a;
    private ulong _b;
    private ulong _c;
    private ulong _d;
    private double _spareNormal = double.NaN;

    public Chance(int seed)
    {
        ulong state = (ulong)seed;
        _a = SplitMix(ref state);
        _b = SplitMix(ref state);
        _c = SplitMix(ref state);
        _d = SplitMix(ref state);
    }

    /// <summary>0 … 1, never 1.</summary>
    public double Uniform() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>0 … <paramref name="count"/> − 1.</summary>
    public int Below(int count) => (int)(Uniform() * count);

    /// <summary>Standard normal.</summary>
    public double Normal()
    {
        if (!double.IsNaN(_spareNormal))
        {
            double spare = _spareNormal;
            _spareNormal = double.NaN;
            return spare;
        }

        // Marsaglia's polar method: two for the price of one logarithm.
        while (true)
        {
            double x = (2 * Uniform()) - 1;
            double y = (2 * Uniform()) - 1;
            double square = (x * x) + (y * y);
            if (square is > 0 and < 1)
            {
                double factor = Math.Sqrt(-2 * Math.Log(square) / square);
                _spareNormal = y * factor;
                return x * factor;
            }
        }
    }

    /// <summary>Student's t with three degrees of freedom, scaled to a variance of 1: one step in 70 beyond 3, one in 900 beyond 7.</summary>
    public double HeavyTailed()
    {
        double x = Normal();
        double y = Normal();
        double z = Normal();
        return Normal() / Math.Sqrt((x * x) + (y * y) + (z * z));
    }

    private ulong Next()
    {
        ulong result = ulong.RotateLeft(_b * 5, 7) * 9;
        ulong shifted = _b << 17;
        _c ^= _a;
        _d ^= _b;
        _b ^= _c;
        _a ^= _d;
        _c ^= shifted;
        _d = ulong.RotateLeft(_d, 45);
        return result;
    }

    private static ulong SplitMix(ref ulong state)
    {
        state += 0x9E37_79B9_7F4A_7C15;
        ulong z = state;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }
}
