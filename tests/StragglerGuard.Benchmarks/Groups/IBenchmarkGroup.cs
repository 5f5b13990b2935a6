using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Benchmarks.Printing;

namespace StragglerGuard.Benchmarks.Groups;

/// <summary>Comparisons that belong together.</summary>
internal interface IBenchmarkGroup
{
    /// <summary>As <c>--only</c> takes it.</summary>
    string Name { get; }

    /// <summary>What it compares, for the help.</summary>
    string Summary { get; }

    /// <summary>Runs the comparisons, one row after another.</summary>
    IEnumerable<Row> Measure(Effort effort);
}
