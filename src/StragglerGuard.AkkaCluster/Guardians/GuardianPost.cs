using Akka.Actor;
using StragglerGuard.AkkaCluster.Control;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>
/// What of the guardian belongs to this process, whether the guardian is here now or not: the instruments, who listens, and the ledger that
/// is to be claimed. Outlives actor systems. May be used by several threads.
/// </summary>
/// <param name="instruments">What is measured.</param>
/// <param name="openParts">Claims the ledger; may block, and throws what <see cref="GuardParts.Open"/> does.</param>
internal sealed class GuardianPost(GuardInstruments instruments, Func<GuardParts> openParts)
{
    private readonly Lock _gate = new();
    private readonly List<Task> _releases = [];
    private GuardianPhase _phase;
    private volatile GuardianStay? _stay;
    private volatile string? _trouble;
    private volatile string? _lastRefusal;
    private int _agents;

    /// <summary>As <see cref="Guardian.GuardianService.Decided"/>, of every stay.</summary>
    public event Action<LedgerEntry>? Decided;

    /// <summary>As <see cref="Guardian.GuardianService.Complained"/>, of every stay, and what keeps a stay from beginning.</summary>
    public event Action<string>? Complained;

    /// <summary>Told what the actor system warns of.</summary>
    public event Action<string>? Warned;

    /// <summary>Told when the guardian comes to this process, decides in it, and leaves it.</summary>
    public event Action? PhaseChanged;

    /// <summary>Told when the guardian ended here without having been told to hand over, and in which actor system.</summary>
    public event Action<ActorSystem>? EndedUnasked;

    /// <summary>What orders must show; null: none is obeyed.</summary>
    public ControlToken? ControlToken { get; init; }

    /// <summary>See <see cref="Settings.SharedOptions"/>; those of the other guardians are held against them.</summary>
    public IReadOnlyDictionary<string, string> SharedOptions { get; init; } = new Dictionary<string, string>();

    /// <summary>The instruments of this process.</summary>
    public GuardInstruments Instruments { get; } = instruments;

    /// <summary>How far the guardian is here.</summary>
    public GuardianPhase Phase
    {
        get
        {
            lock (_gate)
            {
                return _phase;
            }
        }
    }

    /// <summary>The guardian that decides in this process; null while none does.</summary>
    public GuardianStay? Stay => _stay;

    /// <summary>Why the ledger can't be claimed now, in words; null where it can.</summary>
    public string? Trouble => _trouble;

    /// <summary>Why the last message that could not be used could not, in words; null while there was none.</summary>
    public string? LastRefusal => _lastRefusal;

    /// <summary>Agents that the guardian here knows.</summary>
    public int Agents => Volatile.Read(ref _agents);

    /// <summary>Claims the ledger and begins to guard. Blocks a thread of the pool, not the caller.</summary>
    /// <param name="coordinator">Who hands plans to the agents.</param>
    public Task<GuardianStay> BeginAsync(IActorRef coordinator) => Task.Run(() =>
    {
        GuardParts parts = openParts();
        try
        {
            return new GuardianStay(parts, this, coordinator);
        }
        catch
        {
            parts.Dispose();
            throw;
        }
    });

    /// <summary>The guardian came here, and the ledger is to be claimed.</summary>
    public void ShowClaiming() => Show(GuardianPhase.Claiming, stay: null, trouble: null);

    /// <summary>The ledger can't be claimed now. The same reason again is no news.</summary>
    public void ShowTrouble(string trouble)
    {
        bool isNews = _trouble != trouble;
        _trouble = trouble;
        if (isNews)
        {
            TellComplaint(trouble);
        }
    }

    /// <summary>It decides from now on.</summary>
    public void ShowDeciding(GuardianStay stay) => Show(GuardianPhase.Deciding, stay, trouble: null);

    /// <summary>It is not here any more.</summary>
    public void ShowGone()
    {
        ShowAgents(0);
        Show(GuardianPhase.Elsewhere, stay: null, trouble: null);
    }

    public void ShowAgents(int agents) => Volatile.Write(ref _agents, agents);

    /// <summary>A message could not be used.</summary>
    /// <param name="kind">One of few words.</param>
    /// <param name="reason">In detail.</param>
    public void Refuse(string kind, string reason)
    {
        Instruments.CountRefused(kind);
        _lastRefusal = reason;
    }

    /// <summary>A message could not be read.</summary>
    public void Refuse(Unreadable message) => Refuse(
        message.Kind switch
        {
            UnreadableKind.Unknown => "unknown",
            UnreadableKind.Newer => "newer",
            _ => "malformed",
        },
        $"{message.Manifest}: {message.Reason}");

    /// <summary>Why an order is not to be obeyed, in words, which is counted; null where nothing speaks against it.</summary>
    public string? ObjectionTo(ModeOrder order)
    {
        string? objection = ControlToken is null ? Control.ControlToken.NoneThere : ControlToken.ObjectionTo(order, TimeProvider.System.GetUtcNow());
        if (objection is not null)
        {
            Refuse("unauthorised", objection);
        }

        return objection;
    }

    public void TellEndedUnasked(ActorSystem system) => EndedUnasked?.Invoke(system);

    public void TellDecided(LedgerEntry entry) => Decided?.Invoke(entry);

    /// <summary>Tells a complaint. A listener's mistake is not the guardian's: it may be an actor that complains, or a release.</summary>
    public void TellComplaint(string complaint)
    {
        try
        {
            Complained?.Invoke(complaint);
        }
        catch (Exception)
        {
            // Who would be told that is the one that failed.
        }
    }

    public void TellWarning(string warning) => Warned?.Invoke(warning);

    /// <summary>Ends a stay, or one that is just beginning, off the caller's thread. Never fails.</summary>
    /// <returns>Completes when the claim is given back.</returns>
    public Task ReleaseAsync(Task<GuardianStay> stay)
    {
        Task release = Task.Run(async () =>
        {
            try
            {
                await (await stay.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
            }
            catch (Exception fault)
            {
                // One that never began has nothing to give back. One whose end failed has lost its connection, and the claim with it.
                if (stay.IsCompletedSuccessfully)
                {
                    TellComplaint($"the guardian did not end in order: {fault.Message}");
                }
            }
        });
        lock (_gate)
        {
            _releases.RemoveAll(known => known.IsCompleted);
            _releases.Add(release);
        }

        return release;
    }

    /// <summary>Completes when all that was released so far is.</summary>
    public Task ReleasedAsync()
    {
        lock (_gate)
        {
            return Task.WhenAll(_releases);
        }
    }

    private void Show(GuardianPhase phase, GuardianStay? stay, string? trouble)
    {
        bool changed;
        lock (_gate)
        {
            changed = _phase != phase;
            (_phase, _stay, _trouble) = (phase, stay, trouble);
            Instruments.ShowDeciding(phase == GuardianPhase.Deciding);
        }

        if (changed)
        {
            PhaseChanged?.Invoke();
        }
    }
}

/// <summary>How far the guardian is in a process.</summary>
internal enum GuardianPhase
{
    /// <summary>It is not here.</summary>
    Elsewhere = 0,

    /// <summary>It came, and waits for the ledger.</summary>
    Claiming = 1,

    /// <summary>It decides.</summary>
    Deciding = 2,
}
