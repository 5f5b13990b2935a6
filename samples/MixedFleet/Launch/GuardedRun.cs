using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using MixedFleet.Cluster;
using MixedFleet.CommandLine;
using MixedFleet.Output;
using MixedFleet.Pacing;
using MixedFleet.Training;
using Spectre.Console;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;

namespace MixedFleet.Launch;

/// <summary>One run from the first line to the last: guard, ranks, display, report.</summary>
/// <param name="settings">The run.</param>
/// <param name="arguments">How it was asked for.</param>
/// <param name="words">The command line as it was typed, for rank processes.</param>
internal sealed class GuardedRun(RunSettings settings, RunArguments arguments, IReadOnlyList<string> words)
{
    /// <summary>How long the guardian may take to read the last reports once training is over.</summary>
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(10);

    /// <returns>See <see cref="ExitCodes"/>.</returns>
    public async Task<int> RunAsync()
    {
        using var interrupted = new CancellationTokenSource();
        void Interrupt(PosixSignalContext context)
        {
            context.Cancel = true;
            interrupted.Cancel();
        }

        using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using PosixSignalRegistration onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        try
        {
            return await RunAsync(interrupted.Token).ConfigureAwait(false);
        }
        catch (GuardUnavailableException unavailable)
        {
            await Console.Error.WriteLineAsync(unavailable.Message).ConfigureAwait(false);
            return unavailable.ExitCode;
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("MixedFleet: interrupted").ConfigureAwait(false);
            return ExitCodes.Interrupted;
        }
    }

    private async Task<int> RunAsync(CancellationToken interrupted)
    {
        string token = ProcessLauncher.NewToken();
        await using IRunGuard guard = await StartGuardAsync(token).ConfigureAwait(false);
        if (await guard.SetModesAsync(interrupted).ConfigureAwait(false) is { } undecided)
        {
            throw new GuardUnavailableException(undecided, ExitCodes.Failed);
        }

        await using MetricsEndpoint? metrics = await OpenMetricsAsync(guard).ConfigureAwait(false);
        double real = Calibration.SecondsPerMicroBatch(settings);
        PaceStretch stretch = PaceStretch.Of(
            [.. settings.Fleet.Ranks.Select(_ => real)], [.. settings.Fleet.Ranks.Select(rank => rank.PaceSeconds)],
            Environment.ProcessorCount, settings.Slowdowns);

        var decided = new ConcurrentQueue<LedgerEntry>();
        LaunchOutcome outcome;
        await using (IRunDisplay display = OpenDisplay(guard))
        {
            foreach (string line in RunPreface.Lines(settings, arguments.Processes, real, stretch, metrics?.Endpoint).Concat(guard.Preface))
            {
                display.Say(line);
            }

            guard.Said += display.Say;
            guard.Decided += entry =>
            {
                decided.Enqueue(entry);
                SayDecision(display, entry);
            };
            outcome = arguments.Processes
                ? await new ProcessLauncher(settings, words, display)
                    .RunAsync(guard.Place!, token, stretch.Factor, interrupted).ConfigureAwait(false)
                : await new ThreadLauncher(settings, guard.Agent!, stretch.Factor, display).RunAsync(interrupted).ConfigureAwait(false);
            if (outcome.Results is not null && !await guard.JobEndedAsync(SettleLimit).ConfigureAwait(false))
            {
                display.Say($"the guardian had not judged every step {SettleLimit.TotalSeconds:0} s after the last: what follows is what it knows");
            }

            guard.Said -= display.Say;
        }

        if (outcome.Results is null)
        {
            await Console.Error.WriteLineAsync($"MixedFleet: {outcome.Error}").ConfigureAwait(false);
            return outcome.ExitCode;
        }

        JobStatus? status = await guard.FinalStatusAsync().ConfigureAwait(false);
        if (status is null)
        {
            await Console.Error.WriteLineAsync("MixedFleet: the guardian heard nothing of the job").ConfigureAwait(false);
            return ExitCodes.Failed;
        }

        RunReport report = RunReport.Of(settings, outcome.Results, status, [.. decided], stretch.Factor);
        foreach (string line in ReportText.Lines(report, !settings.Slowdowns.IsEmpty, !settings.Stalls.IsEmpty))
        {
            Console.Out.WriteLine(line);
        }

        if (arguments.Json)
        {
            Console.Out.WriteLine(ReportJson.Line(report));
        }

        return ExitCodes.Done;
    }

    private static void SayDecision(IRunDisplay display, LedgerEntry entry)
    {
        string? what = entry.Decision switch
        {
            // The guard keeps its own books; that a plan is in force shows in the steps, and the mode in the phases.
            NumberSkipped or PlanInForce or GuardianTookOver or ModeChanged => null,
            PlanDecided { Kind: MitigationKind.None } trial => trial.Reason,
            PlanDecided { Kind: MitigationKind.Rebalance } plan => $"new deal {string.Join(' ', plan.Plan.Deal.MicroBatches.ToArray())}: {plan.Reason}",
            PlanDecided plan => $"{plan.Kind.ToString().ToLowerInvariant()}, {plan.Plan}: {plan.Reason}",
            MitigationRefused refused => $"not done ({refused.Kind.ToString().ToLowerInvariant()}): {refused.Reason}",
            MitigationAdvised advised => $"advised ({advised.Kind.ToString().ToLowerInvariant()}, {string.Join(' ', advised.Shares)}): {advised.Reason}",
            WorkerEvicted evicted => $"rank {evicted.Replica} has left for the pool {evicted.Pool}",
            WorkerReadmitted readmitted => $"rank {readmitted.Replica} is back from the pool {readmitted.Pool}",
            PlanGraded graded => string.Create(
                CultureInfo.InvariantCulture,
                $"epoch {graded.Epoch.Value} ({graded.Kind.ToString().ToLowerInvariant()}) predicted ×{graded.PredictedGain:0.00}, realised {(double.IsNaN(graded.RealisedGain) ? "unknown" : $"×{graded.RealisedGain:0.00}")}: {graded.Reason}"),
            { } other => other.Reason,
        };
        if (what is not null)
        {
            display.Say(string.Create(CultureInfo.InvariantCulture, $"* step {entry.Decision.Step}: {what}"));
        }
    }

    /// <exception cref="GuardUnavailableException">It can't be had.</exception>
    private async Task<IRunGuard> StartGuardAsync(string token)
    {
        try
        {
            return arguments.Fabric == FabricChoice.Akka
                ? await ClusterParts.StartGuardAsync(settings, words).ConfigureAwait(false)
                : await EmbeddedGuard.StartAsync(settings, arguments.Processes, token).ConfigureAwait(false);
        }
        catch (LedgerException unusable)
        {
            // As it was typed it may hold a password.
            string source = arguments.Ledger is { } place ? $"--ledger {LedgerLocation.Parse(place)}" : $"{arguments.Options}: ledger.location";
            throw new GuardUnavailableException($"{source}: {unusable.Message}", ExitCodes.BadInput);
        }
        catch (ArgumentException refused)
        {
            throw new GuardUnavailableException(OptionFaults.Say(arguments.Options, refused), ExitCodes.BadInput);
        }
    }

    private async Task<MetricsEndpoint?> OpenMetricsAsync(IRunGuard guard)
    {
        try
        {
            return await guard.ServeMetricsAsync(arguments.MetricsPort).ConfigureAwait(false);
        }
        catch (EndpointUnavailableException taken)
        {
            string source = arguments.MetricsPort is { } port ? $"--metrics-port {port}" : $"{arguments.Options}: metrics.port";
            throw new GuardUnavailableException($"{source}: {taken.Message}", ExitCodes.BadInput);
        }
    }

    private IRunDisplay OpenDisplay(IRunGuard guard)
    {
        bool live = !arguments.Json && !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities is { Interactive: true, Ansi: true };
        JobStatus? Status() => guard.Status;
        return live
            ? new TerminalDisplay(AnsiConsole.Console, Status, new DeviceLabels(settings), settings.Phases.Steps)
            : new PlainDisplay(Console.Out, Status, settings.Phases.Steps);
    }
}
