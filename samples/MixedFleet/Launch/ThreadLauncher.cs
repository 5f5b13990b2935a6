using MixedFleet.CommandLine;
using MixedFleet.Groups;
using MixedFleet.Output;
using MixedFleet.Training;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Transports;

namespace MixedFleet.Launch;

/// <summary>Ranks as threads of this process.</summary>
internal sealed class ThreadLauncher(RunSettings settings, NodeAgent agent, double stretch, IRunDisplay display)
{
    /// <summary>Told of every step of every rank, on the rank's thread; must be quick.</summary>
    public StepTaken OnStep { get; init; } = static (_, _, _, _, _) => { };

    /// <summary>Runs the job to its end, or to the first failure that it does not go on after.</summary>
    public async Task<LaunchOutcome> RunAsync(CancellationToken interrupted)
    {
        using var meeting = new ThreadMeeting(agent, settings.Options.Collectives.ToTransportOptions(), settings.WorldSize);
        using CancellationTokenRegistration stop = interrupted.Register(() => meeting.Abort("interrupted"));
        var results = new RankResult?[settings.WorldSize];
        var failures = new Exception?[settings.WorldSize];
        Thread[] ranks = [.. Enumerable.Range(0, settings.WorldSize).Select(slot => new Thread(() =>
        {
            try
            {
                using var training = new RankTraining(settings, slot, meeting.Seat(slot), stretch, Note, display.Say);
                results[slot] = training.Run();
                meeting.End();
            }
            catch (Exception failed)
            {
                failures[slot] = failed;
                if (failed is not CollectiveException || !settings.MayRegroup)
                {
                    meeting.Abort(failed.Message);
                }
                else
                {
                    meeting.Leave(slot);
                }
            }
        })
        {
            Name = $"rank-{slot}",
            IsBackground = true,
        })];
        void Note(int slot, int number, long step, double loss, ReadOnlySpan<long> computed)
        {
            OnStep(slot, number, step, loss, computed);
            if (number == 0)
            {
                meeting.StepDone(step);
                display.Progress(step, loss);
            }
        }

        foreach (Thread rank in ranks)
        {
            rank.Start();
        }

        await Task.Run(() => Array.ForEach(ranks, rank => rank.Join()), CancellationToken.None).ConfigureAwait(false);
        if (interrupted.IsCancellationRequested)
        {
            return LaunchOutcome.Failed(ExitCodes.Interrupted, "interrupted");
        }

        // The rank that failed by itself is the cause; the others were told.
        int culprit = Array.FindIndex(failures, failure => failure is not null and not CollectiveException);
        if (culprit < 0 && LaunchOutcome.OfFinished(results) is { } finished)
        {
            return finished;
        }

        culprit = culprit >= 0 ? culprit : Array.FindIndex(failures, failure => failure is not null);
        return LaunchOutcome.Failed(
            failures[culprit] is CollectiveException or GroupNotMetException ? ExitCodes.RankLost : ExitCodes.Failed,
            $"rank {culprit}: {failures[culprit]!.Message}");
    }
}
