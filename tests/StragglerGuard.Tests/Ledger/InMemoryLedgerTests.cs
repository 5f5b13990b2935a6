using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Ledger;

public sealed class InMemoryLedgerTests : DecisionLedgerTests
{
    protected override IDecisionLedger Create() => new InMemoryLedger();
}
