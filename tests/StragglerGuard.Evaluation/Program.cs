using System.Diagnostics;
using System.Globalization;
using StragglerGuard.Evaluation;
using StragglerGuard.Evaluation.CommandLine;
using StragglerGuard.Evaluation.Fleets;
using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Evaluation.Recorded;

const int Missed = 1;
const int BadInput = 2;

IFigureGroup[] groups =
[
    new TimingRecordings(), new OperationRecordings(), new LogRecordings(), new DealRecordings(), new ProfilerRecordings(),
    new FalseVerdictFigures(), new StepFigures(), new CreepFigures(), new NoisyFigures(), new SeriesFigures(), new FaultKindFigures(),
    new GateFigures(), new ScreeningFigures(),
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

var figures = new List<Figure>();
long start = Stopwatch.GetTimestamp();
foreach (IFigureGroup group in arguments.Groups)
{
    // Standard error, so that a table that is piped into a page stays a table.
    Console.Error.Write($"{group.Name} … ");
    long groupStart = Stopwatch.GetTimestamp();
    figures.AddRange(group.Measure(arguments.Data, arguments.IsQuick));
    Console.Error.WriteLine(Seconds(groupStart));
}

FigureTable.Print(figures, arguments.Markdown, Console.Out);
int missed = figures.Count(figure => figure.IsMet == false);
int judged = figures.Count(figure => figure.IsMet is not null);
Console.WriteLine();
Console.WriteLine($"{judged} targets in {Seconds(start)}, {(missed == 0 ? "none missed" : $"{missed} MISSED")}");
return missed == 0 ? 0 : Missed;

static string Seconds(long since) => Stopwatch.GetElapsedTime(since).TotalSeconds.ToString("0.0 s", CultureInfo.InvariantCulture);
