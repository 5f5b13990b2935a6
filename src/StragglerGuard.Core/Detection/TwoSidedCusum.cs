namespace StragglerGuard.Core.Detection;

/// <summary>Two sums, one for each direction, of how far z lies beyond the reference value; each returns to zero by itself.</summary>
/// <remarks>Page, "Continuous inspection schemes", Biometrika 1954: S⁺ ← max(0, S⁺ + z − k), S⁻ ← max(0, S⁻ − z − k). A sum is held at
/// twice the limit, so that after a long excursion it comes back within as many steps as the limit has units.</remarks>
internal struct TwoSidedCusum
{
    /// <summary>The sum that grows while values are too large, in σ.</summary>
    public double Up { get; private set; }

    /// <summary>The sum that grows while values are too small, in σ.</summary>
    public double Down { get; private set; }

    /// <summary>Step at which <see cref="Up"/> last left zero: the estimate of the onset.</summary>
    public long UpOnsetStep { get; private set; }

    /// <summary>Step at which <see cref="Down"/> last left zero.</summary>
    public long DownOnsetStep { get; private set; }

    /// <summary>Takes the next z, clipped here.</summary>
    public void Add(double z, long step, DetectionParameters parameters)
    {
        double clipped = Math.Clamp(z, -parameters.ClipZ, parameters.ClipZ);
        double ceiling = 2 * parameters.DecisionLimitZ;
        double up = Up + clipped - parameters.ReferenceZ;
        if (up > 0)
        {
            UpOnsetStep = Up > 0 ? UpOnsetStep : step;
            Up = Math.Min(up, ceiling);
        }
        else
        {
            Up = 0;
        }

        double down = Down - clipped - parameters.ReferenceZ;
        if (down > 0)
        {
            DownOnsetStep = Down > 0 ? DownOnsetStep : step;
            Down = Math.Min(down, ceiling);
        }
        else
        {
            Down = 0;
        }
    }

    /// <summary>Back to zero on both sides.</summary>
    public void Reset() => this = default;
}
