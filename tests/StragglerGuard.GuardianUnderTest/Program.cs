using System.Diagnostics;
using System.Globalization;
using System.Net;
using StragglerGuard.Actuators;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.GuardianUnderTest;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Guardian.Durability;

// Arguments: the ledger's location, the port, the folder of the scheduler's nodes. The environment says where it kills itself: POINT:TIME.
// It says on standard output when it listens, what it has judged and what it has offered, and ends when its standard input does.
if (args is not [var location, var port, var nodes])
{
    Console.Error.WriteLine("usage: LEDGER PORT FOLDER");
    return 2;
}

string[]? fateWords = Environment.GetEnvironmentVariable("STRAGGLERGUARD_TEST_FATE")?.Split(':');
Fate fate = fateWords is [var point, var occurrence]
    ? new Fate(Enum.Parse<FaultPoint>(point), int.Parse(occurrence, CultureInfo.InvariantCulture), _ => KillSelf())
    : Fate.None;
try
{
    using DurableLedger ledger = LedgerLocation.Parse(location).Open();
    await using var fabric = await WebSocketGuardianFabric.StartAsync(
        IPAddress.Loopback, int.Parse(port, CultureInfo.InvariantCulture), "a token of the tests");
    using var instruments = new GuardInstruments();
    await using var guardian = new GuardianService(
        new MortalGuardianFabric(fabric, fate), new MortalLedger(ledger, fate), RegroupingRanks.Guard, instruments,
        new ActuatorSetup(new FolderScheduler(nodes, fate), new ReconcilerOptions(), []));
    guardian.Complained += Console.Error.WriteLine;
    Say($"listening {fabric.Endpoint}");
    while (Console.In.ReadLine() is not null)
    {
        // Whoever started it says nothing, and is gone when its end of the line is.
    }

    return 0;
}
catch (LedgerException refused)
{
    Console.Error.WriteLine(refused.Message);
    return 3;
}

static void Say(FormattableString line)
{
    Console.Out.WriteLine(line.ToString(CultureInfo.InvariantCulture));
    Console.Out.Flush();
}

static void KillSelf()
{
    // kill -9: nothing is flushed, closed or told.
    Process.GetCurrentProcess().Kill();
    new ManualResetEventSlim().Wait();
}
