using System.Collections.Immutable;

namespace StragglerGuard.Core.Policy;

/// <summary>A kind of action that has disappointed.</summary>
/// <param name="Kind">Which.</param>
/// <param name="UntilSeconds">Until when it rests, s.</param>
/// <param name="Times">How often it has disappointed since it last held, 1 or more.</param>
public readonly record struct KindRest(MitigationKind Kind, double UntilSeconds, int Times);

/// <summary>Which kinds of action rest, as their plans did not keep what was predicted: a fold over given times, one caller at a time.</summary>
/// <remarks>
/// The first rest is <see cref="MitigationOptions.RestSeconds"/>, each further one twice as long, at most
/// <see cref="MitigationOptions.RestMaxSeconds"/>. A plan that held begins the count anew.
/// </remarks>
public sealed class RestingKinds
{
    private readonly MitigationOptions _options;
    private readonly SortedDictionary<MitigationKind, KindRest> _rests = [];

    /// <summary>Begins with none at rest.</summary>
    /// <param name="options">Thresholds.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    /// <exception cref="ArgumentException">An option is out of its range; the message names every such option.</exception>
    public RestingKinds(MitigationOptions options)
    {
        MitigationOptions.ThrowIfFaulty(options);
        _options = options;
    }

    /// <summary>Takes down that a plan disappointed.</summary>
    /// <param name="kind">Its kind.</param>
    /// <param name="atSeconds">When, s, finite.</param>
    /// <returns>The rest that follows.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The kind is <see cref="MitigationKind.None"/>, or the time is not finite.</exception>
    public KindRest Disappointed(MitigationKind kind, double atSeconds)
    {
        ArgumentOutOfRangeException.ThrowIfEqual(kind, MitigationKind.None);
        if (!double.IsFinite(atSeconds))
        {
            throw new ArgumentOutOfRangeException(nameof(atSeconds), atSeconds, "Not finite.");
        }

        var times = 1 + (_rests.TryGetValue(kind, out var rest) ? rest.Times : 0);
        return _rests[kind] = new KindRest(kind, atSeconds + Doubling.Of(_options.RestSeconds, times, _options.RestMaxSeconds), times);
    }

    /// <summary>Takes down that a plan kept what was predicted.</summary>
    /// <param name="kind">Its kind.</param>
    public void Held(MitigationKind kind) => _rests.Remove(kind);

    /// <summary>For <see cref="MitigationInput.Rests"/>: every kind that has disappointed, whether or not its rest is over.</summary>
    public ImmutableArray<KindRest> Snapshot() => [.. _rests.Values];
}
