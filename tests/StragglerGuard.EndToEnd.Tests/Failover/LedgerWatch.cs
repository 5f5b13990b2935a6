using Npgsql;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Ledger;

namespace StragglerGuard.EndToEnd.Tests.Failover;

/// <summary>An entry of the ledger, and when it was seen there.</summary>
internal readonly record struct SeenEntry(LedgerEntry Entry, TimeSpan At);

/// <summary>A ledger that tells, from outside of any guardian, of each entry as soon as it stands: the database itself says so.</summary>
internal sealed class LedgerWatch : IAsyncDisposable
{
    private const string Channel = "ledger";

    private readonly NpgsqlConnection _listening;
    private readonly DurableLedgerReader _reader;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _gate = new();
    private readonly List<SeenEntry> _entries = [];
    private readonly News _news = new();
    private readonly Task _running;

    /// <summary>Begins a ledger where there is none, and watches it.</summary>
    /// <param name="place">A connection string.</param>
    public LedgerWatch(string place)
    {
        LedgerLocation location = LedgerLocation.Parse(place);
        location.Open().Dispose();
        PostgresUnderTest.Execute(place, $"""
            CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_notify(''{Channel}'', NEW.sequence::text); RETURN NULL; END';
            CREATE TRIGGER tell AFTER INSERT ON stragglerguard_entries FOR EACH ROW EXECUTE FUNCTION tell();
            """);
        _reader = location.OpenRead();
        _listening = new NpgsqlConnection(place + ";Pooling=False");
        _listening.Open();
        using (NpgsqlCommand listen = _listening.CreateCommand())
        {
            listen.CommandText = $"LISTEN {Channel}";
            listen.ExecuteNonQuery();
        }

        _running = Task.Run(RunAsync);
        _ = _running.ContinueWith(_ => _news.Tell(), TaskScheduler.Default);
    }

    /// <summary>All that stands, in order.</summary>
    public IReadOnlyList<SeenEntry> Entries
    {
        get
        {
            lock (_gate)
            {
                return [.. _entries];
            }
        }
    }

    /// <summary>Waits for an entry behind a number of them.</summary>
    /// <param name="what">What it is, for the message where it never comes.</param>
    /// <param name="isIt">Whether it is the one.</param>
    /// <param name="behind">The number of the last entry that is passed over; 0 for none.</param>
    public async Task<(TDecision Decision, SeenEntry Seen)> EntryAsync<TDecision>(string what, Func<TDecision, bool> isIt, long behind)
        where TDecision : LedgerDecision
    {
        SeenEntry[] found = await _news.UntilAsync(
            () => _running.IsFaulted ? throw new InvalidOperationException("the ledger is watched no longer", _running.Exception)
                : Entries.Where(seen => seen.Entry.Sequence > behind && seen.Entry.Decision is TDecision it && isIt(it)).Take(1).ToArray() is { Length: > 0 } found
                    ? found : null,
            LineProcess.Patience,
            () => $"{what} behind entry {behind}; the last one is {(Entries is [.., var last] ? last.Entry.Decision : "none")}").ConfigureAwait(false);
        return ((TDecision)found[0].Entry.Decision, found[0]);
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        await _listening.DisposeAsync().ConfigureAwait(false);
        _reader.Dispose();
        _closing.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                await _listening.WaitAsync(_closing.Token).ConfigureAwait(false);
                TimeSpan now = TestClock.Now;
                lock (_gate)
                {
                    _entries.AddRange(_reader.Read(_entries.Count + 1).Select(entry => new SeenEntry(entry, now)));
                }

                _news.Tell();
            }
        }
        catch (OperationCanceledException)
        {
            // Closing.
        }
    }
}
