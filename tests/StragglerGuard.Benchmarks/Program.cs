using System.Diagnostics;
using StragglerGuard.Benchmarks.CommandLine;
using StragglerGuard.Benchmarks.Groups;
using StragglerGuard.Benchmarks.Intake;
using StragglerGuard.Benchmarks.Printing;

const int BadInput = 2;

if (args is ["intake", .. var intake])
{
    return await IntakeCommand.RunAsync(intake);
}

if (args is ["cluster", .. var cluster])
{
#if FULLSTACK
    return await StragglerGuard.Benchmarks.Cluster.ClusterCommand.RunAsync(cluster);
#else
    Console.Error.WriteLine($"cluster{(cluster.Length > 0 ? " …" : "")}: this build was made without Akka.NET: build with -p:FullStack=true");
    return BadInput;
#endif
}

IBenchmarkGroup[] groups =
[
    new RecordingGroup(), new DetectionGroup(), new GuardianGroup(), new PlanningGroup(), new MitigationGroup(), new GemmGroup(), new AllReduceGroup(),
#if FULLSTACK
    new IlgpuGroup(),
#endif
];
if (Arguments.TryParse(args, groups, out string error) is not { } arguments)
{
    Console.Error.WriteLine(error);
    return BadInput;
}

if (arguments.WantsHelp)
{
    foreach (string line in Arguments.Help(groups))
    {
        Console.WriteLine(line);
    }

    return 0;
}

foreach (string line in MachineDescription.Lines())
{
    Console.WriteLine(arguments.Markdown ? $"    {line}" : line);
}

Console.WriteLine();
var rows = new List<Row>();
long start = Stopwatch.GetTimestamp();
foreach (IBenchmarkGroup group in arguments.Groups)
{
    // Standard error, so that a table that is piped into a page stays a table.
    Console.Error.Write($"{group.Name} … ");
    long groupStart = Stopwatch.GetTimestamp();
    rows.AddRange(group.Measure(arguments.Effort));
    Console.Error.WriteLine(Quantity.Time(Stopwatch.GetElapsedTime(groupStart).TotalNanoseconds));
}

ResultTable.Print(rows, arguments.Markdown, Console.Out);
int missed = rows.Count(row => row.Target is { IsMet: false });
Console.WriteLine();
Console.WriteLine(
    $"{rows.Count} comparisons in {Quantity.Time(Stopwatch.GetElapsedTime(start).TotalNanoseconds)}; "
    + (missed == 0 ? "no stated target missed" : $"{missed} of {rows.Count(row => row.Target is not null)} stated targets MISSED"));
return 0;
