using System.Net;
using StragglerGuard.Actuators;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Ledger;

namespace StragglerGuard.Tests.Hosting;

/// <summary>A host opens the ledger that its options name, keeps it for itself, and gives it back.</summary>
public abstract class GuardHostLedgerBody
{
    private static readonly JobId Job = new("llm-7b");

    [LedgerFact]
    public async Task Host_OnALedger_KeepsItForItselfAndForTheNext()
    {
        string place = NewPlace();
        var options = new StragglerGuardOptions { Ledger = new LedgerSection { Location = place } };
        await using (GuardHost first = GuardHost.Start(options))
        {
            first.Guardian.SetMode(Job, PolicyMode.Advise, fromStep: 3, "by hand");

            FluentActions.Invoking(() => GuardHost.Start(options)).Should().Throw<LedgerClaimedException>()
                .Which.Message.Should().Contain($"process {Environment.ProcessId} on ").And.Contain("a ledger has one writer at a time");
        }

        await using (GuardHost second = GuardHost.Start(options))
        {
            second.Guardian.SetMode(Job, PolicyMode.Advise, fromStep: 7, "changes nothing");
        }

        using DurableLedgerReader reader = LedgerLocation.Parse(place).OpenRead();
        reader.Read().Should().ContainSingle().Which.Decision.Should().Be(new ModeChanged(Job, default, 3, PolicyMode.Advise, "by hand"));
    }

    [LedgerFact]
    public async Task Host_WhosePortIsTaken_GivesTheLedgerBack()
    {
        var options = new StragglerGuardOptions { Ledger = new LedgerSection { Location = NewPlace() } };
        await using GuardHost other = await GuardHost.ServeAsync(new StragglerGuardOptions(), IPAddress.Loopback, 0, "a token of the tests");

        await FluentActions.Awaiting(() => GuardHost.ServeAsync(options, IPAddress.Loopback, other.FabricEndpoint!.Port, "a token of the tests"))
            .Should().ThrowAsync<EndpointUnavailableException>();

        await using GuardHost next = GuardHost.Start(options);
        next.Guardian.LastFault.Should().BeNull();
    }

    protected abstract string NewPlace();
}

public sealed class GuardHostSqliteTests : GuardHostLedgerBody, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stragglerguard-host-");

    [Fact]
    public void Start_WithALedgerInAFolderThatIsNotThere_SaysSo()
    {
        string path = Path.Combine(_folder.FullName, "none", "guard.ledger");

        FluentActions.Invoking(() => GuardHost.Start(new StragglerGuardOptions { Ledger = new LedgerSection { Location = path } }))
            .Should().Throw<LedgerException>().WithMessage($"{path}: its folder is not there*");
    }

    [Fact]
    public void Start_WithActuatorsThatCantBeMade_NamesWhatIsWrong() =>
        FluentActions.Invoking(() => GuardHost.Start(new StragglerGuardOptions { Actuators = new ActuatorsSection { Use = ActuatorChoice.InJob } }))
            .Should().Throw<ArgumentException>().WithMessage("actuators.use: \"inJob\" needs a training runner*");

    public void Dispose() => _folder.Delete(recursive: true);

    protected override string NewPlace() => Path.Combine(_folder.FullName, "guard.ledger");
}

[NeedsPostgres]
public sealed class GuardHostPostgresTests(PostgresUnderTest server) : GuardHostLedgerBody, IClassFixture<PostgresUnderTest>
{
    protected override string NewPlace() => server.NewPlace();
}
