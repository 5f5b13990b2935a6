namespace MixedFleet.Fleet;

/// <summary>One rank of a fleet.</summary>
/// <param name="DeviceClass">What it is, or what it plays; ranks are compared within their class.</param>
/// <param name="PaceSeconds">
/// Emulated time of one micro-batch, before slowdowns and stretching, 0 &lt; pace ≤ 3600; null where the rank computes as fast as it can.
/// </param>
internal sealed record FleetRank(string DeviceClass, double? PaceSeconds);

/// <summary>The ranks of a training job.</summary>
/// <param name="Name">For people.</param>
/// <param name="Ranks">1 to 64, by rank.</param>
internal sealed record FleetDefinition(string Name, IReadOnlyList<FleetRank> Ranks)
{
    /// <summary>Ranks that a fleet may have.</summary>
    public const int RanksMax = 64;

    /// <summary>The slowest pace, one hour, in seconds.</summary>
    public const double PaceSecondsMax = 3600;
}
