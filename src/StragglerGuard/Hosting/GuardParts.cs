using StragglerGuard.Actuators;
using StragglerGuard.Actuators.InJob;
using StragglerGuard.Ledger;

namespace StragglerGuard.Hosting;

/// <summary>What a guard needs that may not be had: got before anything is started.</summary>
internal sealed record GuardParts(StragglerGuardOptions Options, IDecisionLedger Ledger, ActuatorSetup Actuators) : IDisposable
{
    /// <summary>Checks the options, and gets the ledger and the actuators that they name.</summary>
    /// <param name="options">The options.</param>
    /// <param name="membership">What the training runner offers; null where nothing.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or the actuators can't be made of them; names every such option.</exception>
    /// <exception cref="LedgerClaimedException">Another guardian writes the ledger; the message says which.</exception>
    /// <exception cref="LedgerException">The ledger can't be opened, or is damaged.</exception>
    public static GuardParts Open(StragglerGuardOptions options, IJobMembership? membership)
    {
        ActuatorSetup actuators = CheckedActuators(options, membership);
        try
        {
            IDecisionLedger ledger = options.Ledger.Location.Length == 0
                ? new InMemoryLedger()
                : LedgerLocation.Parse(options.Ledger.Location).Open();
            return new GuardParts(options, ledger, actuators);
        }
        catch
        {
            (actuators.Actuator as IDisposable)?.Dispose();
            throw;
        }
    }

    /// <summary>Throws what <see cref="Open"/> would throw whatever the ledger says.</summary>
    /// <exception cref="ArgumentException">As there.</exception>
    public static void Check(StragglerGuardOptions options, IJobMembership? membership) =>
        (CheckedActuators(options, membership).Actuator as IDisposable)?.Dispose();

    public void Dispose()
    {
        (Ledger as IDisposable)?.Dispose();
        (Actuators.Actuator as IDisposable)?.Dispose();
    }

    private static ActuatorSetup CheckedActuators(StragglerGuardOptions options, IJobMembership? membership)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (OptionsReader.Check(options).Errors is { Count: > 0 } errors)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, errors), nameof(options));
        }

        ActuatorSetup actuators = ActuatorSetup.From(options.Actuators, membership);
        return actuators.Problems.Count == 0
            ? actuators
            : throw new ArgumentException(string.Join(Environment.NewLine, actuators.Problems), nameof(options));
    }
}
