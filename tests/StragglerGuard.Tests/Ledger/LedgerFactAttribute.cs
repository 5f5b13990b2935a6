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
    /// <summary>The test as one that is skipped; null where it is not.</summary>
    public static IXunitTestCase? Skipped(IMessageSink messages, ITestFrameworkDiscoveryOptions options, ITestMethod test) =>
        PostgresUnderTest.AbsentReason is { } reason && test.TestClass.Class.GetCustomAttributes(typeof(NeedsPostgresAttribute)).Any()
            ? new XunitSkippedDataRowTestCase(messages, options.MethodDisplayOrDefault(), options.MethodDisplayOptionsOrDefault(), test, reason)
            : null;
}

public sealed class LedgerFactDiscoverer(IMessageSink messages) : FactDiscoverer(messages)
{
    protected override IXunitTestCase CreateTestCase(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute) =>
        NeedsPostgresAttribute.Skipped(DiagnosticMessageSink, discoveryOptions, testMethod) ?? base.CreateTestCase(discoveryOptions, testMethod, factAttribute);
}

public sealed class LedgerTheoryDiscoverer(IMessageSink messages) : TheoryDiscoverer(messages)
{
    public override IEnumerable<IXunitTestCase> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo theoryAttribute) =>
        NeedsPostgresAttribute.Skipped(DiagnosticMessageSink, discoveryOptions, testMethod) is { } skipped
            ? [skipped]
            : base.Discover(discoveryOptions, testMethod, theoryAttribute);
}
