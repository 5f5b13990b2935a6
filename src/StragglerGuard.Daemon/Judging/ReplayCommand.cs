using System.CommandLine;
using System.Globalization;
using StragglerGuard.Daemon.CommandLine;
using StragglerGuard.Replay;

namespace StragglerGuard.Daemon.Judging;

/// <summary><c>stragglerguard replay</c>: recorded timings through the live engine.</summary>
internal static class ReplayCommand
{
    private const int MicroBatchesDefault = 80;
    private const int MicroBatchesMax = 1_000_000;

    public static Command Build(TextWriter output, TextWriter error)
    {
        var file = new Argument<string>("FILE") { Description = "The recording, packed with gzip or not." };
        var format = new Option<string?>("--format")
        {
            Description = "How the file records the job: csv (header step,rank,compute_s,collective_s and where known micro_batches, samples, tokens, stage, "
                + "replica, device_class, data_wait_s; columns in any order), megatron-log (Megatron-LM's training log: the job as one series) or pai-csv "
                + "(worker,time,batch_time_norm). Guessed from the content where left out.",
            HelpName = "csv|megatron-log|pai-csv",
        };
        format.AcceptOnlyFromAmong([.. RecordingFormats.Names]);
        var json = new Option<bool>("--json") { Description = "End with the result as one JSON object on one line." };
        var whatIf = new Option<bool>("--what-if")
        {
            Description = "Rehearse dealing the micro-batches to the ranks by their speed, every deal from the steps before it alone, and judge backup workers.",
        };
        var microBatches = new Option<int>("--micro-batches")
        {
            Description = "With --what-if: micro-batches of a step, over all replicas.",
            DefaultValueFactory = _ => MicroBatchesDefault,
            CustomParser = result =>
            {
                bool isNumber = int.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out int given);
                if (!isNumber || given is < 1 or > MicroBatchesMax)
                {
                    result.AddError(TerminalText.Say($"--micro-batches takes a whole number of 1 … {MicroBatchesMax}, not '{result.Tokens[0].Value}'."));
                }

                return given;
            },
            HelpName = "M",
        };
        var command = new Command(
            "replay",
            "Feeds recorded step times through the engine that judges live jobs, and prints the verdicts as they would have been raised.")
        {
            file, format, json, whatIf, microBatches,
        };
        command.SetAction(words => Run(
            words.GetValue(file)!, RecordingFormats.Parse(words.GetValue(format)), words.GetValue(json),
            words.GetValue(whatIf) ? words.GetValue(microBatches) : null, output, error));
        return command;
    }

    private static int Run(string path, RecordingFormat? format, bool json, int? microBatches, TextWriter output, TextWriter error)
    {
        if (path.Length == 0)
        {
            error.WriteLine("FILE is empty.");
            return ExitCodes.BadInput;
        }

        JobReading reading = RecordedJobReader.Read(path, format);
        if (reading.Job is not { } job)
        {
            error.WriteLine(TerminalText.Printable(reading.Fault!));
            return ExitCodes.BadInput;
        }

        if (microBatches < job.ReplicaCount)
        {
            error.WriteLine(TerminalText.Say($"--micro-batches {microBatches} is too few: the job has {job.ReplicaCount} replicas, and each needs one."));
            return ExitCodes.BadInput;
        }

        TerminalText.WriteFaults(error, reading.BadRecords);
        DealWhatIf? whatIf = null;
        if (microBatches is { } total)
        {
            (whatIf, string? fault) = DealWhatIf.Of(job, total);
            if (fault is not null)
            {
                error.WriteLine(TerminalText.Printable($"{path}: no what-if: {fault}"));
            }
        }

        ReplayResult result = JobReplay.Run(job);
        foreach (string line in ReplayText.Lines(job, result, whatIf))
        {
            output.WriteLine(TerminalText.Printable(line));
        }

        if (json)
        {
            output.WriteLine(ReplayJson.Line(result, whatIf));
        }

        return ExitCodes.Judged;
    }
}
