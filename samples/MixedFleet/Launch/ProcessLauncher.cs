using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using MixedFleet.CommandLine;
using MixedFleet.Output;
using MixedFleet.Training;

namespace MixedFleet.Launch;

/// <summary>Ranks as one OS process each, over TCP on loopback. The launcher hosts the guardian; it is not a rank.</summary>
internal sealed class ProcessLauncher
{
    /// <summary>How long a rank process may take to bind its socket.</summary>
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    /// <summary>How long the others may take to leave once one has failed. They notice a death at once; this bounds the rest.</summary>
    public static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(5);

    private readonly RunSettings _settings;
    private readonly IReadOnlyList<string> _words;
    private readonly IRunDisplay _display;
    private readonly List<RankChild> _children = [];

    public ProcessLauncher(RunSettings settings, IReadOnlyList<string> words, IRunDisplay display)
    {
        _settings = settings;
        _words = words;
        _display = display;
    }

    /// <summary>Runs the job to its end, or to the first failure. No process is left behind either way.</summary>
    /// <param name="guardian">Where the guardian listens.</param>
    /// <param name="token">What agents and peers want to see.</param>
    /// <param name="stretch">The factor on all emulated paces.</param>
    /// <param name="realSecondsPerMicroBatch">As measured.</param>
    /// <param name="interrupted">Ends the job.</param>
    public async Task<LaunchOutcome> RunAsync(
        Uri guardian, string token, double stretch, double realSecondsPerMicroBatch, CancellationToken interrupted)
    {
        try
        {
            for (int rank = 0; rank < _settings.WorldSize; rank++)
            {
                _children.Add(RankChild.Start(rank, _words, OnProgress));
            }

            int[] ports = await CollectPortsAsync(interrupted).ConfigureAwait(false);
            _display.Say($"  pids    {string.Join(", ", _children.Select(child => $"rank {child.Rank}: {child.Pid}"))}");
            foreach (RankChild child in _children)
            {
                child.Tell(new RankAssignment(
                    child.Rank, ports, token, guardian, Environment.ProcessId, stretch, realSecondsPerMicroBatch));
            }

            return await AwaitEndAsync(interrupted).ConfigureAwait(false);
        }
        catch (RankStartException failed)
        {
            return LaunchOutcome.Failed(ExitCodes.RankLost, failed.Message);
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            return LaunchOutcome.Failed(ExitCodes.Interrupted, "interrupted");
        }
        finally
        {
            // All are told before any is waited for: a rank that sees another go would blame it.
            _children.ForEach(child => child.Kill());
            _children.ForEach(child => child.Dispose());
        }
    }

    /// <summary>A token that nobody can guess, for one run.</summary>
    public static string NewToken() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private void OnProgress(RankProgress progress) => _display.Progress(progress.Step, progress.Loss);

    private async Task<int[]> CollectPortsAsync(CancellationToken interrupted)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(interrupted);
        limit.CancelAfter(StartLimit);
        int[] ports = new int[_children.Count];
        foreach (RankChild child in _children)
        {
            Task<int> listening = child.Listening;
            try
            {
                await Task.WhenAny(listening, child.Exited).WaitAsync(limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!interrupted.IsCancellationRequested)
            {
                throw new RankStartException($"rank {child.Rank} (pid {child.Pid}) did not start within {StartLimit.TotalSeconds:0} s");
            }

            ports[child.Rank] = listening.IsCompletedSuccessfully
                ? await listening.ConfigureAwait(false)
                : throw new RankStartException($"rank {child.Rank} (pid {child.Pid}) {child.Ending} before it had started");
        }

        return ports;
    }

    private async Task<LaunchOutcome> AwaitEndAsync(CancellationToken interrupted)
    {
        var running = _children.ToList();
        while (running.Count > 0)
        {
            await Task.WhenAny(running.Select(child => child.Exited)).WaitAsync(interrupted).ConfigureAwait(false);
            running.RemoveAll(child => child.Exited.IsCompleted);
            if (_children.Exists(child => child.Exited.IsCompleted && child.ExitCode != 0))
            {
                return await EndAfterFailureAsync(running, interrupted).ConfigureAwait(false);
            }
        }

        foreach (RankChild child in _children)
        {
            await child.OutputRead.WaitAsync(interrupted).ConfigureAwait(false);
        }

        var results = _children.Select(child => child.Result).ToArray();
        return Array.FindIndex(results, result => result is null) is var silent and >= 0
            ? LaunchOutcome.Failed(ExitCodes.Failed, $"rank {silent} ended without a result")
            : LaunchOutcome.Finished([.. results.Select(result => result!)]);
    }

    private async Task<LaunchOutcome> EndAfterFailureAsync(List<RankChild> running, CancellationToken interrupted)
    {
        // A rank that a signal ended is the cause; the others leave because of it.
        RankChild? culprit = Culprit();
        if (culprit is not null)
        {
            running.ForEach(child => child.Tell(new JobLost($"rank {culprit.Rank} died ({culprit.Ending})")));
        }

        try
        {
            await Task.WhenAll(running.Select(child => child.Exited)).WaitAsync(LeaveLimit, interrupted).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Whoever is left does not answer, not even to its peers' abort; Dispose ends it.
            culprit ??= running.Find(child => !child.Exited.IsCompleted);
        }

        culprit ??= Culprit() ?? _children.First(child => child.Exited.IsCompleted && child.ExitCode != 0);
        return LaunchOutcome.Failed(
            !culprit.Exited.IsCompleted || culprit.WasKilled || culprit.ExitCode == ExitCodes.RankLost ? ExitCodes.RankLost : ExitCodes.Failed,
            $"rank {culprit.Rank} (pid {culprit.Pid}) {culprit.Ending}; the job ended");
    }

    /// <summary>The rank that ended for a reason of its own: by a signal, else by an error; null where none has ended so.</summary>
    private RankChild? Culprit() =>
        _children.Find(child => child.Exited.IsCompleted && child.WasKilled)
        ?? _children.Find(child => child.Exited.IsCompleted && child.ExitCode is not 0 and not ExitCodes.RankLost);

    private sealed class RankStartException(string message) : Exception(message);

    private sealed class RankChild : IDisposable
    {
        /// <summary>.NET reports a child ended by signal n as exit code 128 + n.</summary>
        private const int SignalBase = 128;

        private readonly Process _process;
        private readonly TaskCompletionSource<int> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private RankChild(int rank, Process process, Action<RankProgress> onProgress)
        {
            Rank = rank;
            _process = process;
            Pid = process.Id;
            Exited = process.WaitForExitAsync();
            OutputRead = ReadAsync(onProgress);
        }

        public int Rank { get; }

        public int Pid { get; }

        public Task Exited { get; }

        public Task OutputRead { get; }

        public Task<int> Listening => _listening.Task;

        public RankResult? Result { get; private set; }

        public int ExitCode => _process.ExitCode;

        public bool WasKilled => ExitCode > SignalBase;

        public string Ending => !_process.HasExited ? "does not answer"
            : WasKilled ? string.Create(CultureInfo.InvariantCulture, $"was ended by signal {ExitCode - SignalBase}")
            : string.Create(CultureInfo.InvariantCulture, $"left with exit code {ExitCode}");

        public static RankChild Start(int rank, IReadOnlyList<string> words, Action<RankProgress> onProgress)
        {
            string self = Environment.ProcessPath ?? throw new InvalidOperationException("the program's own path is unknown");
            var start = new ProcessStartInfo(self) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
            if (Path.GetFileNameWithoutExtension(self).Equals("dotnet", StringComparison.OrdinalIgnoreCase))
            {
                start.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
            }

            foreach (string word in words)
            {
                start.ArgumentList.Add(word);
            }

            start.ArgumentList.Add("--rank-process");
            Process process = Process.Start(start) ?? throw new RankStartException($"rank {rank} could not be started");
            return new RankChild(rank, process, onProgress);
        }

        public void Tell(RankAssignment assignment) => Tell(RankProtocol.Line(assignment));

        public void Tell(JobLost lost) => Tell(RankProtocol.Line(lost));

        private void Tell(string line)
        {
            try
            {
                _process.StandardInput.WriteLine(line);
                _process.StandardInput.Flush();
            }
            catch (IOException)
            {
                // It is gone: its exit says more than the broken pipe.
            }
        }

        /// <summary>Ends the process, if it still runs; a rank starts no process of its own.</summary>
        public void Kill()
        {
            try
            {
                _process.Kill();
            }
            catch (InvalidOperationException)
            {
                // It left by itself meanwhile.
            }
        }

        public void Dispose()
        {
            Kill();
            _process.WaitForExit();
            _process.Dispose();
        }

        private async Task ReadAsync(Action<RankProgress> onProgress)
        {
            while (await _process.StandardOutput.ReadLineAsync().ConfigureAwait(false) is { } line)
            {
                switch (RankProtocol.ParseMessage(line))
                {
                    case RankListening listening:
                        _listening.TrySetResult(listening.Port);
                        break;
                    case RankProgress progress:
                        onProgress(progress);
                        break;
                    case RankFinished finished:
                        Result = finished.Result;
                        break;
                    default:
                        await Console.Error.WriteLineAsync($"rank {Rank}: {line}").ConfigureAwait(false);
                        break;
                }
            }
        }
    }
}

/// <summary>What a launched job came to.</summary>
/// <param name="Results">One per rank, where it ran to its end.</param>
/// <param name="ExitCode">See <see cref="ExitCodes"/>.</param>
/// <param name="Error">What failed, where.</param>
internal sealed record LaunchOutcome(IReadOnlyList<RankResult>? Results, int ExitCode, string? Error)
{
    public static LaunchOutcome Finished(IReadOnlyList<RankResult> results) => new(results, ExitCodes.Done, null);

    public static LaunchOutcome Failed(int exitCode, string error) => new(null, exitCode, error);
}
