using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using MixedFleet.CommandLine;
using MixedFleet.Output;
using MixedFleet.Pacing;
using MixedFleet.Training;
using Spectre.Console;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
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

        string token = ProcessLauncher.NewToken();
        if (await StartGuardAsync(token).ConfigureAwait(false) is not { } started)
        {
            return ExitCodes.BadInput;
        }

        await using GuardHost guard = started;
        guard.Guardian.SetMode(settings.Job, PolicyMode.Observe);
        guard.Guardian.SetMode(settings.Job, settings.GuardedMode, fromStep: settings.Phases.Observed);

        await using MetricsEndpoint? metrics = await OpenMetricsAsync(guard).ConfigureAwait(false);
        if (metrics is null && MetricsWanted)
        {
            return ExitCodes.BadInput;
        }

        double real = Calibration.SecondsPerMicroBatch(settings);
        PaceStretch stretch = PaceStretch.Of(
            [.. settings.Fleet.Ranks.Select(_ => real)], [.. settings.Fleet.Ranks.Select(rank => rank.PaceSeconds)],
            Environment.ProcessorCount, settings.Slowdowns);

        var decided = new ConcurrentQueue<LedgerEntry>();
        LaunchOutcome outcome;
        await using (IRunDisplay display = OpenDisplay(guard.Guardian))
        {
            foreach (string line in RunPreface.Lines(settings, arguments.Processes, real, stretch, metrics?.Endpoint))
            {
                display.Say(line);
            }

            guard.Guardian.Decided += entry =>
            {
                decided.Enqueue(entry);
                SayDecision(display, entry);
            };
            outcome = arguments.Processes
                ? await new ProcessLauncher(settings, words, display)
                    .RunAsync(guard.FabricEndpoint!, token, stretch.Factor, interrupted.Token).ConfigureAwait(false)
                : await new ThreadLauncher(settings, guard.Agent!, stretch.Factor, display).RunAsync(interrupted.Token).ConfigureAwait(false);
            if (outcome.Results is not null && !await guard.Guardian.JobEndedAsync(settings.Job, SettleLimit).ConfigureAwait(false))
            {
                display.Say($"the guardian had not judged every step {SettleLimit.TotalSeconds:0} s after the last: what follows is what it knows");
            }
        }

        if (outcome.Results is null)
        {
            await Console.Error.WriteLineAsync($"MixedFleet: {outcome.Error}").ConfigureAwait(false);
            return outcome.ExitCode;
        }

        JobStatus? status = guard.Guardian.Status(settings.Job);
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

    /// <returns>Null where the ledger can't be used, which has been said.</returns>
    private async Task<GuardHost?> StartGuardAsync(string token)
    {
        try
        {
            return arguments.Processes
                ? await GuardHost.ServeAsync(settings.Options, IPAddress.Loopback, port: 0, token).ConfigureAwait(false)
                : GuardHost.Start(settings.Options, devices: settings.Devices.Reader);
        }
        catch (LedgerException unusable)
        {
            string source = arguments.Ledger is { } file ? $"--ledger {file}" : $"{arguments.Options}: ledger.location";
            await Console.Error.WriteLineAsync($"{source}: {unusable.Message}").ConfigureAwait(false);
            return null;
        }
    }

    private bool MetricsWanted => arguments.MetricsPort is not null || settings.Options.Metrics.Port is > 0;

    private async Task<MetricsEndpoint?> OpenMetricsAsync(GuardHost guard)
    {
        try
        {
            return arguments.MetricsPort is { } port
                ? await guard.ServeMetricsAsync(IPAddress.Loopback, port).ConfigureAwait(false)
                : await guard.ServeMetricsAsync().ConfigureAwait(false);
        }
        catch (EndpointUnavailableException taken)
        {
            string source = arguments.MetricsPort is { } port ? $"--metrics-port {port}" : $"{arguments.Options}: metrics.port";
            await Console.Error.WriteLineAsync($"{source}: {taken.Message}").ConfigureAwait(false);
            return null;
        }
    }

    private IRunDisplay OpenDisplay(GuardianService guardian)
    {
        bool live = !arguments.Json && !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities is { Interactive: true, Ansi: true };
        JobStatus? Status() => guardian.Status(settings.Job);
        return live
            ? new TerminalDisplay(AnsiConsole.Console, Status, new DeviceLabels(settings), settings.Phases.Steps)
            : new PlainDisplay(Console.Out, Status, settings.Phases.Steps);
    }
}
