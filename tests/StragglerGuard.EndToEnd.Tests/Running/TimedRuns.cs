namespace StragglerGuard.EndToEnd.Tests.Running;

/// <summary>
/// Tests that judge how long steps take, or that nobody is slow: they run one at a time and with nothing of this project beside them, as two
/// fleets on the same cores could each look like the other's straggler. All other tests mostly wait for processes, and run two at a time.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TimedRuns
{
    public const string Name = "timed runs";
}
