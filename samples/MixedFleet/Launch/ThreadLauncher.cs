using MixedFleet.CommandLine;
using MixedFleet.Output;
using MixedFleet.Training;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Hosting;

namespace MixedFleet.Launch;

/// <summary>Ranks as threads of this process.</summary>
internal sealed class ThreadLauncher(RunSettings settings, GuardHost guard, double stretch, IRunDisplay display)
{
    /// <summary>Runs the job to its end, or to the first failure.</summary>
    public async Task<LaunchOutcome> RunAsync(CancellationToken interrupted)
    {
        IReadOnlyList<ITransport> transports = InProcessGroup.Create(settings.WorldSize, settings.Options.Collectives.ToTransportOptions()).Transports;
        using CancellationTokenRegistration stop = interrupted.Register(() =>
        {
            foreach (ITransport transport in transports)
            {
                transport.Abort("interrupted");
            }
        });
        var results = new RankResult[settings.WorldSize];
        var failures = new Exception?[settings.WorldSize];
        Thread[] ranks = [.. transports.Select((transport, rank) => new Thread(() =>
        {
            try
            {
                results[rank] = RunRank(transport, rank);
            }
            catch (Exception failed)
            {
                failures[rank] = failed;
                transport.Abort(failed.Message);
            }
        })
        {
            Name = $"rank-{rank}",
            IsBackground = true,
        })];
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
        culprit = culprit >= 0 ? culprit : Array.FindIndex(failures, failure => failure is not null);
        return culprit < 0
            ? LaunchOutcome.Finished(results)
            : LaunchOutcome.Failed(
                failures[culprit] is CollectiveException ? ExitCodes.RankLost : ExitCodes.Failed,
                $"rank {culprit}: {failures[culprit]!.Message}");
    }

    private RankResult RunRank(ITransport transport, int rank)
    {
        using var device = new CpuDevice();
        using var communicator = new Communicator(transport, device);
        using RankGuard guarded = guard.Join(
            new DeviceClass(settings.Fleet.Ranks[rank].DeviceClass), communicator, settings.MicroBatches, settings.StartPlan,
            settings.Phases.First);
        Action<long, double> onStep = rank == 0 ? display.Progress : static (_, _) => { };
        return new RankTraining(settings, rank, stretch, onStep, display.Say).Run(guarded, communicator, device);
    }
}
