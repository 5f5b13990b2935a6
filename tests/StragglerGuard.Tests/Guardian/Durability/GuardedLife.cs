using StragglerGuard.Actuators;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>A job through the lives of several guardians, which follow each other on one ledger.</summary>
internal sealed class GuardedLife(Func<IDecisionLedger> open, RegroupingRanks ranks) : IAsyncDisposable
{
    private readonly GuardInstruments _instruments = new();
    private readonly List<string> _complaints = [];
    private IDecisionLedger? _ledger;
    private MortalLedger? _mortal;
    private MortalFabric? _fabric;
    private GuardianService? _guardian;
    private Fate _fate = Fate.None;

    public VirtualScheduler Scheduler { get; } = new();

    public bool IsDead => _fate.IsDead;

    public GuardianService Guardian => _guardian!;

    /// <summary>Lives through all deaths to the end of the job's troubles, and until all is done that was decided.</summary>
    /// <param name="open">Opens the ledger.</param>
    /// <param name="seed">Of the job's noise.</param>
    /// <param name="fates">One a guardian, in order; who follows them doesn't die.</param>
    /// <param name="unheardSteps">Steps that the job takes while nobody guards it.</param>
    public static async Task<LifeStory> LiveAsync(Func<IDecisionLedger> open, int seed, IReadOnlyList<Fate> fates, int unheardSteps)
    {
        RegroupingRanks ranks = RegroupingRanks.Troubled(seed);
        await using var life = new GuardedLife(open, ranks);
        var waiting = new Queue<Fate>(fates);
        int deaths = 0;
        await life.BeginAsync(waiting.TryDequeue(out Fate? first) ? first : Fate.None);
        while (ranks.NextStep < RegroupingRanks.LastStep)
        {
            await life.GoOnAsync(5);
            if (life.IsDead)
            {
                deaths++;
                ranks.TakeSteps(unheardSteps);
                if (unheardSteps % 2 == 1)
                {
                    ranks.LoseReports();
                }

                await life.BeginAsync(waiting.TryDequeue(out Fate? next) ? next : Fate.None);
            }
        }

        await life.BeginAsync(Fate.None);
        await life.GoOnAsync(5);
        await life.SettleAsync();
        return new LifeStory(
            seed, deaths, life.Entries(), ranks.Adopted, ranks.Plan,
            [.. life.Scheduler.Changes.Select(change => (change.Node.Value, change.Key, change.Drained))], life._complaints);
    }

    /// <summary>Begins a guardian on what the one before left.</summary>
    public async Task BeginAsync(Fate fate)
    {
        await EndAsync();
        _fate = fate;
        _ledger = open();
        _mortal = new MortalLedger(_ledger, fate);
        _fabric = new MortalFabric(fate, ranks.Deliver);
        try
        {
            _guardian = new GuardianService(
                _fabric, _mortal, RegroupingRanks.Guard, _instruments, new ActuatorSetup(Scheduler.For(fate), new ReconcilerOptions(), []));
        }
        catch (KilledException)
        {
            // It did not get that far.
        }
    }

    /// <summary>Some steps, and their reports.</summary>
    public async Task GoOnAsync(int steps)
    {
        ranks.TakeSteps(steps);
        foreach (var report in ranks.Reports())
        {
            if (_guardian is not null && !IsDead)
            {
                await _fabric!.ReportAsync(report, Patience.Limit);
            }
        }
    }

    /// <summary>Until everything that was decided is done: no plan is on its way, no action due.</summary>
    public async Task SettleAsync()
    {
        for (int round = 0; round < 60; round++)
        {
            JobLedgerState state = LedgerState.Of(Entries()).Find(RegroupingRanks.Job)!;
            if (state.DueActuations.Count > 0)
            {
                (await _mortal!.Appended.WaitAsync(Patience.Limit)).Should().BeTrue("actions come to their end");
            }
            else if (state.Pending is null && !ranks.IsOffered)
            {
                return;
            }
            else
            {
                await GoOnAsync(5);
            }
        }

        // What is left open is for whoever checks.
    }

    /// <summary>What stands.</summary>
    public IReadOnlyList<LedgerEntry> Entries() => _ledger!.Read();

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _instruments.Dispose();
    }

    private async Task EndAsync()
    {
        if (_guardian is { } guardian)
        {
            _complaints.Add($"{guardian.Status(RegroupingRanks.Job)?.PolicyReason}; {guardian.LastFault}");
            await guardian.DisposeAsync().AsTask().WaitAsync(Patience.Limit);
            _guardian = null;
        }

        (_ledger as IDisposable)?.Dispose();
        _ledger = null;
    }
}
