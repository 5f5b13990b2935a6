using System.CommandLine;
using MixedFleet.Cluster;
using MixedFleet.CommandLine;
using MixedFleet.Devices;
using MixedFleet.Launch;
using MixedFleet.Training;

RootCommand command = RunCommand.Build(async arguments =>
{
    var settings = RunSettings.From(arguments);
    if (settings.Value is not { } run)
    {
        foreach (string error in settings.Errors)
        {
            Console.Error.WriteLine(error);
        }

        return ExitCodes.BadInput;
    }

    using RankDevices devices = run.Devices;
    return arguments.RankProcess ? new RankProcess(run).Run()
        : arguments.GuardianProcess ? await ClusterParts.RunGuardianAsync(run)
        : await new GuardedRun(run, arguments, args).RunAsync();
});

ParseResult words = command.Parse(args);
if (words.Errors.Count > 0)
{
    foreach (var error in words.Errors)
    {
        Console.Error.WriteLine(error.Message);
    }

    Console.Error.WriteLine("MixedFleet --help lists what it takes.");
    return ExitCodes.BadInput;
}

// Signals are the run's own to handle: it ends its ranks before it leaves.
try
{
    return await words.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
}
catch (IOException unwritable)
{
    Console.Error.WriteLine($"MixedFleet: can't go on: {unwritable.Message}");
    return ExitCodes.Failed;
}
