using System.Security.Cryptography;
using MixedFleet.CommandLine;
using MixedFleet.Groups;
using MixedFleet.Output;
using MixedFleet.Training;

namespace MixedFleet.Launch;

/// <summary>Ranks as one OS process each, over TCP on loopback. The launcher hosts the guardian; it is not a rank.</summary>
internal sealed class ProcessLauncher
{
    /// <summary>How long a rank process may take to bind its socket.</summary>
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    /// <summary>How long ranks may take to leave once the job is over or lost. They notice a death at once; this bounds the rest.</summary>
    public static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(5);

    private readonly RunSettings _settings;
    private readonly IReadOnlyList<string> _words;
    private readonly IRunDisplay _display;
    private readonly List<RankChild> _children = [];
    private readonly TaskCompletionSource[] _ready;
    private readonly RankResult?[] _results;
    private readonly ProcessMeetings _meetings = new();
    private readonly TaskCompletionSource<int[]> _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<RankChild> _lost = [];
    private long _lastStep = -1;

    public ProcessLauncher(RunSettings settings, IReadOnlyList<string> words, IRunDisplay display)
    {
        _settings = settings;
        _words = words;
        _display = display;
        _results = new RankResult?[settings.WorldSize];
        _ready = [.. _results.Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];
    }

    /// <summary>Whether the ranks may go on without one that is lost now: then they say so, or fail themselves.</summary>
    private bool MayGoOn => _settings.MayRegroup && Volatile.Read(ref _lastStep) >= _settings.Phases.Observed;

    /// <summary>Runs the job to its end, or to the first failure that it does not go on after. No process is left behind either way.</summary>
    /// <param name="guardian">Where the ranks' agents find the guardian.</param>
    /// <param name="token">What agents and peers want to see.</param>
    /// <param name="stretch">The factor on all emulated paces.</param>
    /// <param name="interrupted">Ends the job.</param>
    public async Task<LaunchOutcome> RunAsync(GuardianPlace guardian, string token, double stretch, CancellationToken interrupted)
    {
        try
        {
            for (int slot = 0; slot < _settings.WorldSize; slot++)
            {
                var child = RankChild.Start(slot, _words, Hear);
                _children.Add(child);
                child.Tell(new RankAssignment(
                    slot, _settings.Job.Value, token, guardian.Endpoint, guardian.Guardians, Environment.ProcessId, stretch));
            }

            await AwaitStartAsync(interrupted).ConfigureAwait(false);
            _display.Say($"  pids    {string.Join(", ", _children.Select(child => $"rank {child.Slot}: {child.Pid}"))}");
            _meetings.Open();
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

    private void Hear(RankChild child, RankMessage message)
    {
        switch (message)
        {
            case RankListening listening:
                child.StandsBy = false;
                _meetings.Hear(child.Slot, child.Tell, listening);
                _ready[child.Slot].TrySetResult();
                break;
            case RankStandsBy:
                child.StandsBy = true;
                _meetings.StandBy(child.Slot);
                _ready[child.Slot].TrySetResult();
                break;
            case RankProgress progress:
                Volatile.Write(ref _lastStep, progress.Step);
                _display.Progress(progress.Step, progress.Loss);
                foreach (RankChild waiting in _children.Where(other => other.StandsBy))
                {
                    waiting.Mention(new JobStep(progress.Step));
                }

                break;
            case RankFinished finished:
                _results[child.Slot] = finished.Result;
                if (finished.Result.IsMember)
                {
                    _over.TrySetResult(finished.Result.Members);
                }

                break;
        }
    }

    private async Task AwaitStartAsync(CancellationToken interrupted)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(interrupted);
        limit.CancelAfter(StartLimit);
        foreach (RankChild child in _children)
        {
            Task ready = _ready[child.Slot].Task;
            try
            {
                await Task.WhenAny(ready, child.Exited).WaitAsync(limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!interrupted.IsCancellationRequested)
            {
                throw new RankStartException($"rank {child.Slot} (pid {child.Pid}) did not start within {StartLimit.TotalSeconds:0} s");
            }

            if (!ready.IsCompleted)
            {
                throw new RankStartException($"rank {child.Slot} (pid {child.Pid}) {child.Ending} before it had started");
            }
        }
    }

    private async Task<LaunchOutcome> AwaitEndAsync(CancellationToken interrupted)
    {
        var running = _children.ToList();
        while (running.Count > 0 && !_over.Task.IsCompleted)
        {
            await Task.WhenAny([.. running.Select(child => child.Exited), _over.Task]).WaitAsync(interrupted).ConfigureAwait(false);
            running.RemoveAll(child => child.Exited.IsCompleted);
            foreach (RankChild failed in _children.Where(child => child.HasFailed && !_lost.Contains(child)))
            {
                if (!MayGoOn)
                {
                    return await EndAfterFailureAsync(running, interrupted).ConfigureAwait(false);
                }

                _lost.Add(failed);
                _display.Say($"* rank {failed.Slot} (pid {failed.Pid}) {failed.Ending}: the others may go on without it");
            }

            if (_lost.Count > 0 && running.Count > 0 && _meetings.AreStranded([.. running.Select(child => child.Slot)]))
            {
                // Whoever is gone may have brought its result home before.
                await Task.WhenAll(_children.Except(running).Select(child => child.OutputRead)).WaitAsync(interrupted).ConfigureAwait(false);
                if (!_over.Task.IsCompleted)
                {
                    return await EndAfterFailureAsync(running, interrupted).ConfigureAwait(false);
                }
            }
        }

        return await CollectResultsAsync(running, interrupted).ConfigureAwait(false);
    }

    /// <summary>The members have trained to the end, or nobody is left.</summary>
    private async Task<LaunchOutcome> CollectResultsAsync(List<RankChild> running, CancellationToken interrupted)
    {
        int[] members = _over.Task.IsCompletedSuccessfully ? await _over.Task.ConfigureAwait(false) : [];
        running.ForEach(child => child.Tell(new JobOver()));
        RankChild[] expected = [.. running.Where(child => child.StandsBy || members.Contains(child.Slot))];
        try
        {
            await Task.WhenAll(expected.SelectMany(child => new[] { child.Exited, child.OutputRead }))
                .WaitAsync(LeaveLimit, interrupted).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Whoever has not brought its result home by now is missed below.
        }

        foreach (RankChild gone in _children.Where(child => child.Exited.IsCompleted))
        {
            await gone.OutputRead.WaitAsync(interrupted).ConfigureAwait(false);
        }

        return _children.Exists(child => child.HasFailed && members.Contains(child.Slot)) ? Blame()
            : LaunchOutcome.OfFinished(_results) ?? Blame();
    }

    private async Task<LaunchOutcome> EndAfterFailureAsync(List<RankChild> running, CancellationToken interrupted)
    {
        // A rank that a signal ended is the cause; the others leave because of it.
        RankChild? culprit = Culprit();
        if (culprit is not null)
        {
            running.ForEach(child => child.Tell(new JobLost($"rank {culprit.Slot} died ({culprit.Ending})")));
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

        return Blame(culprit);
    }

    private LaunchOutcome Blame(RankChild? culprit = null)
    {
        culprit ??= Culprit() ?? _children.Find(child => child.HasFailed) ?? _children.Find(child => !child.Exited.IsCompleted);
        return culprit is null
            ? LaunchOutcome.Failed(ExitCodes.Failed, $"rank {Array.FindIndex(_results, result => result is null)} ended without a result")
            : LaunchOutcome.Failed(
                !culprit.Exited.IsCompleted || culprit.WasKilled || culprit.ExitCode == ExitCodes.RankLost ? ExitCodes.RankLost : ExitCodes.Failed,
                $"rank {culprit.Slot} (pid {culprit.Pid}) {culprit.Ending}; the job ended");
    }

    /// <summary>The rank that ended for a reason of its own: by a signal, else by an error; null where none has ended so.</summary>
    private RankChild? Culprit() =>
        _children.Find(child => child.Exited.IsCompleted && child.WasKilled)
        ?? _children.Find(child => child.HasFailed && child.ExitCode != ExitCodes.RankLost);
}
