using System.Collections.Immutable;

namespace StragglerGuard.Core.Policy;

/// <summary>How long an evicted replica stays out at least.</summary>
/// <param name="Replica">The slot.</param>
/// <param name="UntilSeconds">When it may be readmitted, s.</param>
/// <param name="Terms">Which term it is: 1 lasts <see cref="MitigationOptions.ProbationSeconds"/>, each further one twice as long.</param>
public readonly record struct ProbationTerm(int Replica, double UntilSeconds, int Terms);

/// <summary>Who was evicted and for how long that stands: a fold over given times, one caller at a time.</summary>
/// <remarks>
/// The first term is <see cref="MitigationOptions.ProbationSeconds"/>, each further one twice as long, and one that follows a readmission within
/// <see cref="MitigationOptions.FlapSeconds"/> four times: who flaps rests longer. No term exceeds <see cref="MitigationOptions.ProbationMaxSeconds"/>.
/// A replica that stayed in the job for <see cref="MitigationOptions.ForgiveSeconds"/> begins anew.
/// </remarks>
public sealed class Probation
{
    private readonly MitigationOptions _options;
    private readonly SortedDictionary<int, Record> _records = [];

    /// <summary>Begins with nobody out.</summary>
    /// <param name="options">Thresholds.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    /// <exception cref="ArgumentException">An option is out of its range; the message names every such option.</exception>
    public Probation(MitigationOptions options)
    {
        MitigationOptions.ThrowIfFaulty(options);
        _options = options;
    }

    /// <summary>Takes an eviction down. A second one without a readmission between changes nothing.</summary>
    /// <param name="replica">The slot, 0 or more.</param>
    /// <param name="atSeconds">When, s, finite.</param>
    /// <returns>Its term.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public ProbationTerm Evicted(int replica, double atSeconds)
    {
        ThrowIfOut(replica, atSeconds);
        if (_records.TryGetValue(replica, out var known) && known.IsOut)
        {
            return known.Term;
        }

        var stayed = known is null ? double.PositiveInfinity : atSeconds - known.ReadmittedAtSeconds;
        var terms = stayed >= _options.ForgiveSeconds ? 1 : known!.Term.Terms + (stayed < _options.FlapSeconds ? 2 : 1);
        var term = new ProbationTerm(
            replica, atSeconds + Doubling.Of(_options.ProbationSeconds, terms, _options.ProbationMaxSeconds), terms);
        _records[replica] = new Record(term, IsOut: true, double.NaN);
        return term;
    }

    /// <summary>Takes a readmission down. One of a replica that was not out changes nothing.</summary>
    /// <param name="replica">The slot, 0 or more.</param>
    /// <param name="atSeconds">When, s, finite.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public void Readmitted(int replica, double atSeconds)
    {
        ThrowIfOut(replica, atSeconds);
        if (_records.TryGetValue(replica, out var known) && known.IsOut)
        {
            _records[replica] = known with { IsOut = false, ReadmittedAtSeconds = atSeconds };
        }
    }

    /// <summary>For <see cref="MitigationInput.Probations"/>: everyone who is out, by slot, whether or not the term is over.</summary>
    public ImmutableArray<ProbationTerm> Snapshot() => [.. _records.Values.Where(record => record.IsOut).Select(record => record.Term)];

    private static void ThrowIfOut(int replica, double atSeconds)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(replica);
        if (!double.IsFinite(atSeconds))
        {
            throw new ArgumentOutOfRangeException(nameof(atSeconds), atSeconds, "Not finite.");
        }
    }

    private sealed record Record(ProbationTerm Term, bool IsOut, double ReadmittedAtSeconds);
}
