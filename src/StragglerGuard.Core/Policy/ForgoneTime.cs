using System.Collections.Immutable;

namespace StragglerGuard.Core.Policy;

/// <summary>How much time each action would have given back so far, had it been taken at the onset: a fold over given times, one caller at a time.</summary>
/// <remarks>
/// <para>In a time Δ in which the job does what it does, it would have lost Δ·(1 − 1/ratio) less under an action that makes it
/// <see cref="MitigationPrediction.SamplesPerSecondRatio"/> times as fast. The ratio is against what is in force at that time, so what a cheaper action
/// gives back is not counted twice. What was lost between the onset and the first sight of the action is reckoned at the ratio of first sight.</para>
/// <para>An action is known by its kind and replicas. A later onset is another straggler and begins anew; an action that no planner offered for
/// <see cref="KeepSeconds"/> is forgotten.</para>
/// </remarks>
public sealed class ForgoneTime
{
    /// <summary>How long an action is remembered that nobody offers any more, s.</summary>
    public const double KeepSeconds = 3600;

    private readonly List<Entry> _entries = [];
    private double _lastSeconds = double.NegativeInfinity;

    /// <summary>Adds what went by since the last call and fills <see cref="MitigationCandidate.ForgoneSeconds"/> in.</summary>
    /// <param name="nowSeconds">Now, s, finite, by a clock that does not jump: the sum of the job's steps is one. Going back adds nothing.</param>
    /// <param name="candidates">What the planners offer now.</param>
    /// <returns>The candidates in the same order.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The time is not finite.</exception>
    public ImmutableArray<MitigationCandidate> Observe(double nowSeconds, ImmutableArray<MitigationCandidate> candidates)
    {
        if (!double.IsFinite(nowSeconds))
        {
            throw new ArgumentOutOfRangeException(nameof(nowSeconds), nowSeconds, "Not finite.");
        }

        var filled = ImmutableArray.CreateBuilder<MitigationCandidate>(candidates.Length);
        foreach (var candidate in candidates)
        {
            filled.Add(candidate with { ForgoneSeconds = Account(candidate, nowSeconds) });
        }

        _entries.RemoveAll(entry => entry.SeenSeconds <= nowSeconds - KeepSeconds);
        _lastSeconds = nowSeconds;
        return filled.MoveToImmutable();
    }

    private double Account(MitigationCandidate candidate, double nowSeconds)
    {
        var gain = candidate.Prediction.Gain;
        var entry = _entries.Find(known => known.Kind == candidate.Kind && known.Replicas.AsSpan().SequenceEqual(candidate.Replicas.AsSpan()));
        if (entry is null || candidate.OnsetSeconds > entry.OnsetSeconds)
        {
            if (entry is not null)
            {
                _entries.Remove(entry);
            }

            entry = new Entry(candidate.Kind, candidate.Replicas, candidate.OnsetSeconds) { Seconds = Math.Max(0, nowSeconds - candidate.OnsetSeconds) * Math.Max(0, gain) };
            _entries.Add(entry);
        }
        else if (entry.SeenSeconds == _lastSeconds)
        {
            // A time in which the action would have lost speaks against it, but its past losses are no credit for later.
            entry.Seconds = Math.Max(0, entry.Seconds + (Math.Max(0, nowSeconds - _lastSeconds) * Math.Max(-1, gain)));
        }

        entry.SeenSeconds = nowSeconds;
        return entry.Seconds;
    }

    private sealed class Entry(MitigationKind kind, ImmutableArray<int> replicas, double onsetSeconds)
    {
        public MitigationKind Kind { get; } = kind;

        public ImmutableArray<int> Replicas { get; } = replicas;

        public double OnsetSeconds { get; } = onsetSeconds;

        public double Seconds { get; set; }

        public double SeenSeconds { get; set; }
    }
}
