using StragglerGuard.Actuators;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>A job through the lives of several guardians, which follow each other on one ledger.</summary>
internal sealed class GuardedLife(Func<IDecisionLedger> open, RegroupingRanks ranks) : IAsyncDisposable
{
    private static readonly StragglerGuardOptions Options = new()
    {
        Mode = PolicyMode.Act,
        Policy = new PolicySection { CoolDownSteps = 4, SwitchCostSeconds = 0.001 },
        Mitigation = new MitigationSection { RegroupSeconds = 0.02, ProbationSeconds = 0.5, RestSeconds = 0.5, EvictionsPerHour = 1_000, FloorShare = 0.5 },
    };

    private readonly GuardInstruments _instruments = new();
    private IDecisionLedger? _ledger;
    private MortalLedger? _mortal;
    private MortalFabric? _fabric;
    private GuardianService? _guardian;
    private Fate _fate = Fate.None;

    public VirtualScheduler Scheduler { get; } = new();

    /// <summary>What each guardian had to say at its end.</summary>
    public List<string> Complaints { get; } = [];

    public bool IsDead => _fate.IsDead;

    public GuardianService Guardian => _guardian!;

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
                _fabric, _mortal, Options, _instruments, new ActuatorSetup(Scheduler.For(fate), new ReconcilerOptions(), []));
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
            Complaints.Add($"{guardian.Status(RegroupingRanks.Job)?.PolicyReason}; {guardian.LastFault}");
            await guardian.DisposeAsync().AsTask().WaitAsync(Patience.Limit);
            _guardian = null;
        }

        (_ledger as IDisposable)?.Dispose();
        _ledger = null;
    }
}
