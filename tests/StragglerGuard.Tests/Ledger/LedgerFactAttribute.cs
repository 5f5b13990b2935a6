using Xunit.Abstractions;
using Xunit.Sdk;

namespace StragglerGuard.Tests.Ledger;

/// <summary>A fact in the body that all kinds of ledger share: skipped, with the reason, in a class whose server is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("StragglerGuard.Tests.Ledger.LedgerFactDiscoverer", "StragglerGuard.Tests")]
internal sealed class LedgerFactAttribute : FactAttribute;

/// <summary>A theory in the body that all kinds of ledger share: see <see cref="LedgerFactAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("StragglerGuard.Tests.Ledger.LedgerTheoryDiscoverer", "StragglerGuard.Tests")]
internal sealed class LedgerTheoryAttribute : TheoryAttribute;

/// <summary>Marks a class whose tests talk to a real PostgreSQL.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class NeedsPostgresAttribute : Attribute
{
    public static string? SkipReason(ITestMethod test) =>
        test.TestClass.Class.GetCustomAttributes(typeof(NeedsPostgresAttribute)).Any() ? PostgresUnderTest.AbsentReason : null;
}

public sealed class LedgerFactDiscoverer(IMessageSink messages) : FactDiscoverer(messages)
{
    protected override IXunitTestCase CreateTestCase(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute) =>
        NeedsPostgresAttribute.SkipReason(testMethod) is { } reason
            ? new XunitSkippedDataRowTestCase(
                DiagnosticMessageSink, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod, reason)
            : base.CreateTestCase(discoveryOptions, testMethod, factAttribute);
}

public sealed class LedgerTheoryDiscoverer(IMessageSink messages) : TheoryDiscoverer(messages)
{
    public override IEnumerable<IXunitTestCase> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo theoryAttribute) =>
        NeedsPostgresAttribute.SkipReason(testMethod) is { } reason
            ? CreateTestCasesForSkip(discoveryOptions, testMethod, theoryAttribute, reason)
            : base.Discover(discoveryOptions, testMethod, theoryAttribute);
}
