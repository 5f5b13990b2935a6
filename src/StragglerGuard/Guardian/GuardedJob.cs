using StragglerGuard.Fabric;

namespace StragglerGuard.Guardian;

/// <summary>A job under guard, as the guardian's thread holds it.</summary>
/// <param name="judge">Its newest generation.</param>
/// <param name="metrics">Where its figures are shown.</param>
/// <param name="failed">Told, in words, should judging it fail.</param>
internal sealed class GuardedJob(JobJudge judge, JobMetrics metrics, Action<string>? failed = null)
{
    public JobJudge Judge { get; } = judge;

    /// <summary>The plan on its way; null where none is.</summary>
    public OfferedPlan? Pending { get; set; }

    /// <summary>What was decided about it so far.</summary>
    public required MitigationBook Book { get; init; }

    /// <summary>Whether this guardian is in charge of it.</summary>
    public required JobCharge Charge { get; init; }

    /// <summary>What its generation took over.</summary>
    public required JobContext Context { get; init; }

    /// <summary>The generation before; null where this guardian saw none. Kept for who its workers were.</summary>
    public JobJudge? Former { get; init; }

    /// <summary>Where its plans go.</summary>
    public required JobNodes Nodes { get; init; }

    /// <summary>Workers of the job that are in no group.</summary>
    public required StandbyBook Standby { get; init; }

    /// <summary>The earlier generations as they ended, oldest first; the last 16.</summary>
    public IReadOnlyList<JobStatus> Earlier { get; init; } = [];

    /// <summary>
    /// Whether nothing more will come of the job: its ranks have left, and no plan takes them into another generation. One that was still on its
    /// way when the last step was done does not.
    /// </summary>
    public bool HasEnded => Judge.HasEnded && (Judge.Successor is null || !Judge.Regroups);

    /// <summary>The way of its decisions into the ledger; null before the first.</summary>
    public JobJudge.Commitment? Way { get; set; }

    /// <summary>When it last reported, ns.</summary>
    public long HeardNs { get; set; }

    /// <summary>Why it is judged no longer; null while it is.</summary>
    public string? Fault { get; private set; }

    /// <summary>
    /// Does a part of judging. A mistake in judging one job must not end the guard of the others: that job is left alone from then on, and
    /// says why.
    /// </summary>
    /// <returns>False where the job is judged no longer.</returns>
    public bool TryJudge(Action<JobJudge> part) => TryJudge(part, static (judge, part) => part(judge));

    /// <summary>As the other, with what the part needs, so that it can do without a closure.</summary>
    public bool TryJudge<TState>(TState state, Action<JobJudge, TState> part)
    {
        if (Fault is not null)
        {
            return false;
        }

        try
        {
            part(Judge, state);
            return true;
        }
        catch (Exception mistake)
        {
            Leave(mistake);
            return false;
        }
    }

    /// <summary>Takes a rank's place in the job.</summary>
    /// <returns>False where the job is judged no longer, or it is not the rank's job: <see cref="JobJudge.Enroll"/>.</returns>
    public bool TryEnroll(RankEnrollment rank)
    {
        if (Fault is not null)
        {
            return false;
        }

        try
        {
            return Judge.Enroll(rank);
        }
        catch (Exception mistake)
        {
            Leave(mistake);
            return false;
        }
    }

    private void Leave(Exception mistake)
    {
        Fault = $"judged no longer: {mistake.GetType().Name}: {mistake.Message}";
        Pending = null;
        failed?.Invoke($"{Judge.Job} is {Fault}");
    }

    /// <summary>Shows the figures of some more ranks.</summary>
    /// <param name="ranks">How many, 1 or more.</param>
    /// <param name="isDone">Whether these were the last.</param>
    /// <returns>False where the job is judged no longer.</returns>
    public bool TryPublishMetrics(int ranks, out bool isDone)
    {
        bool done = false;
        bool isJudged = TryJudge(judge => done = metrics.Publish(judge, ranks));
        isDone = done;
        return isJudged;
    }

    /// <summary>What is known now of the job; of the ranks <see cref="JobJudge.AddStatusOf"/> tells.</summary>
    /// <param name="objection">What keeps the guardian from deciding, or was lost to it; null where nothing does.</param>
    /// <param name="isFinal">Whether it will never decide again: what the policy would say then is beside the point.</param>
    public JobStatus StatusWithoutRanks(string? objection, bool isFinal)
    {
        JobStatus status = Judge.StatusWithoutRanks() with { Earlier = Earlier };
        return (Fault, objection) switch
        {
            ({ } fault, _) => status with { PolicyReason = fault },
            (_, { } final) when isFinal => status with { PolicyReason = final },
            (_, { } also) => status with { PolicyReason = $"{status.PolicyReason}; {also}" },
            _ => status,
        };
    }
}
