using System.Globalization;
using StragglerGuard.Core;

namespace StragglerGuard.Actuators.Slurm;

/// <summary>
/// Hands a batch job in again without some nodes and cancels the one that it replaces. Runs as the job's own user.
/// </summary>
/// <remarks>
/// The new job bears the action's key in its comment and waits for the end of the old one (<c>afterany</c>), so that the two never run at
/// once. It is submitted before the old one is cancelled: what Slurm refuses costs no running job. Whatever cuts this off in between,
/// the same call finds the new job by its key and completes the rest; Slurm remembers finished jobs for <c>MinJobAge</c> (300 s by default).
/// Nodes that the job excluded before stay excluded. The job gets a bare environment: what it needs belongs into the script.
/// </remarks>
public sealed class SlurmJobResubmitter
{
    private static readonly string[] s_ended =
    [
        "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT",
    ];

    private readonly SlurmCommands _slurm;

    /// <summary>Makes a resubmitter; nothing is run yet.</summary>
    /// <param name="options">How Slurm is reached.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public SlurmJobResubmitter(SlurmActuatorOptions options)
        : this(options, new SlurmCommandRunner(options))
    {
    }

    internal SlurmJobResubmitter(SlurmActuatorOptions options, ICommandRunner runner)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.ThrowIfInvalid();
        _slurm = new SlurmCommands(runner);
    }

    /// <summary>Replaces a job by one that keeps away from some nodes.</summary>
    /// <param name="submission">The job and how it was submitted.</param>
    /// <param name="without">The nodes to keep away from; at least one.</param>
    /// <param name="actionKey">The action's key: see <see cref="IPoolActuator"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How it went, and the new job. <see cref="ActuationStatus.AlreadySo"/> where a job with this key exists.</returns>
    public async ValueTask<SlurmResubmissionOutcome> ResubmitWithoutAsync(
        SlurmSubmission submission, IReadOnlyList<NodeId> without, string actionKey, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(submission);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(submission.JobId, nameof(submission));
        ArgumentException.ThrowIfNullOrEmpty(submission.Script, nameof(submission));
        ArgumentNullException.ThrowIfNull(without);
        ArgumentOutOfRangeException.ThrowIfZero(without.Count, nameof(without));
        DrainMark.ThrowIfNoKey(actionKey);
        var misnamed = without.Where(node => !SlurmNames.IsName(node.Value)).Take(1).ToArray();
        if (misnamed.Length > 0)
        {
            return Fail(ActuationOutcome.Refused($"'{misnamed[0]}' is no name of a single node"));
        }

        var (jobs, failure) = await ReadJobsAsync(cancellationToken).ConfigureAwait(false);
        if (failure is not null)
        {
            return Fail(failure);
        }

        var old = jobs.FirstOrDefault(job => job.Id == submission.JobId);
        if (old is not null && old.User != Environment.UserName)
        {
            return Fail(ActuationOutcome.Refused($"job {old.Id} is {old.User}'s, and this process runs as {Environment.UserName}"));
        }

        var wasThere = jobs.Any(job => job.ActionKey == actionKey);
        if (!wasThere)
        {
            failure = await SubmitAsync(submission, old, without, actionKey, cancellationToken).ConfigureAwait(false);
            if (failure is not null)
            {
                return Fail(failure);
            }

            (jobs, failure) = await ReadJobsAsync(cancellationToken).ConfigureAwait(false);
            if (failure is not null)
            {
                return Fail(failure);
            }
        }

        return await SettleAsync(jobs, submission.JobId, actionKey, wasThere, cancellationToken).ConfigureAwait(false);
    }

    private static SlurmResubmissionOutcome Fail(ActuationOutcome outcome) => new(outcome, null);

    /// <summary>
    /// Leaves one job of this key, the first, and cancels the one that it replaces. Of two guardians that submit at once the later one
    /// always sees both jobs, and each that sees both keeps the same.
    /// </summary>
    private async ValueTask<SlurmResubmissionOutcome> SettleAsync(
        IReadOnlyList<SlurmJob> jobs, long replaced, string actionKey, bool wasThere, CancellationToken cancellationToken)
    {
        SlurmJob[] successors = [.. jobs.Where(job => job.ActionKey == actionKey).OrderBy(job => job.HasEnded).ThenBy(job => job.Id)];
        if (successors.Length == 0)
        {
            return Fail(ActuationOutcome.RetryLater("the job was submitted and is not to be seen"));
        }

        var kept = successors[0];
        foreach (var surplus in jobs.Where(job => !job.HasEnded && job.Id != kept.Id && (job.Id == replaced || job.ActionKey == actionKey)))
        {
            var id = surplus.Id.ToString(CultureInfo.InvariantCulture);
            var reply = await _slurm.RunAsync("scancel", [id], cancellationToken).ConfigureAwait(false);
            if (reply.Failure is not null)
            {
                return new SlurmResubmissionOutcome(
                    reply.Failure with { Reason = $"job {kept.Id} waits, but job {id} could not be cancelled: {reply.Failure.Reason}" }, kept.Id);
            }
        }

        var outcome = wasThere
            ? ActuationOutcome.AlreadySo($"submitted before as job {kept.Id}, which is {kept.State}")
            : ActuationOutcome.Done($"submitted as job {kept.Id} in place of job {replaced}");
        return new SlurmResubmissionOutcome(outcome, kept.Id);
    }

    private async ValueTask<ActuationOutcome?> SubmitAsync(
        SlurmSubmission submission, SlurmJob? old, IReadOnlyList<NodeId> without, string actionKey, CancellationToken cancellationToken)
    {
        // The record of a job that Slurm still knows holds what script and options came to; else they are all there is.
        List<string> excluded;
        try
        {
            excluded = old is not null ? [old.Excluded] : [.. SbatchExcludes.Of(submission)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ActuationOutcome.Refused($"the script can't be read: {e.Message}");
        }

        if (excluded.Find(list => list.Contains('/')) is { } file)
        {
            return ActuationOutcome.Refused($"the job excludes the nodes of a file, {file}: name them instead");
        }

        var (names, failure) = await _slurm.ExpandAsync(string.Join(',', excluded.Where(list => list.Length > 0)), cancellationToken)
            .ConfigureAwait(false);
        if (failure is not null)
        {
            return failure;
        }

        var comment = old is null || old.Comment.Length == 0 ? "" : DrainMark.IsOurs(old.Comment) ? AfterMark(old.Comment) : old.Comment;
        List<string> arguments =
        [
            .. submission.Options,
            "--parsable",
            $"--exclude={SlurmNames.Compress(names.Concat(without.Select(node => node.Value)))}",
            $"--comment={DrainMark.Compose(actionKey, comment)}",
        ];
        if (old is { HasEnded: false })
        {
            arguments.Add(string.Create(CultureInfo.InvariantCulture, $"--dependency=afterany:{old.Id}"));
        }

        arguments.Add(submission.Script);
        arguments.AddRange(submission.ScriptArguments);
        var folder = submission.WorkingDirectory.Length == 0 ? null : submission.WorkingDirectory;
        return (await _slurm.RunAsync("sbatch", arguments, cancellationToken, folder).ConfigureAwait(false)).Failure;
    }

    private static string AfterMark(string comment) => comment.IndexOf(' ') is var end and >= 0 ? comment[(end + 1)..] : "";

    private async ValueTask<(IReadOnlyList<SlurmJob> Jobs, ActuationOutcome? Failure)> ReadJobsAsync(CancellationToken cancellationToken)
    {
        var reply = await _slurm.RunAsync("squeue", ["--all", "--noheader", "--states=all", "--format=%A|%T|%u|%x|%k"], cancellationToken)
            .ConfigureAwait(false);
        var jobs = new List<SlurmJob>();
        foreach (var line in reply.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.TrimEnd('\r').Split('|', 5);
            if (fields.Length == 5 && long.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                jobs.Add(new SlurmJob(id, fields[1], fields[2], Nothing(fields[3]), Nothing(fields[4]).Trim()));
            }
        }

        return (jobs, reply.Failure);
    }

    private static string Nothing(string field) => field == "(null)" ? "" : field;

    /// <summary>One job as <c>squeue</c> tells it; of an array, one of its tasks.</summary>
    private sealed record SlurmJob(long Id, string State, string User, string Excluded, string Comment)
    {
        public string? ActionKey { get; } = DrainMark.TryReadKey(Comment, out var key) ? key : null;

        public bool HasEnded => s_ended.Contains(State);
    }
}
