using System.Globalization;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Ledger;

namespace StragglerGuard.Actuators;

/// <summary>
/// What is to be asked of a scheduler for the nodes of workers that left or came back: a fold over the ledger, so that a guardian that was
/// killed between an eviction and its drain, and its successor, ask for the same under the same key.
/// </summary>
/// <remarks>
/// A node is out of service while any worker of it is out of its job, and taken back with the last: one bad device is enough to keep new work
/// off it. Of several wishes for a node the newest counts. One thread at a time.
/// </remarks>
internal sealed class ActuationDesk(NodeNaming naming)
{
    private const int SlugLengthMax = 24;

    private readonly Dictionary<NodeId, Wish> _wishes = [];
    private readonly Dictionary<string, Wish> _byKey = new(StringComparer.Ordinal);
    private readonly HashSet<string> _keys = new(StringComparer.Ordinal);
    private readonly HashSet<(JobId Job, WorkerId Worker)> _away = [];
    private readonly Dictionary<JobId, PlanDecided> _membership = [];
    private readonly List<Wish> _superseded = [];

    /// <summary>What the actuator calls nodes.</summary>
    public NodeNaming Naming => naming;

    /// <summary>Takes the next entry.</summary>
    public void Apply(LedgerEntry entry)
    {
        switch (entry.Decision)
        {
            case PlanDecided plan when plan.Plan.Generation != plan.Generation:
                _membership[plan.Job] = plan;
                break;
            case WorkerEvicted left when naming.NodeOf(left.Worker) is { } node:
                _away.Add((left.Job, left.Worker));
                bool isHung = _membership.TryGetValue(left.Job, out PlanDecided? by) && by.Kind == MitigationKind.Restart;
                if (naming.IsAsked(isHung))
                {
                    bool moves = !isHung && naming.Pools.Contains(left.Pool);
                    Wants(node, entry, moves ? ActuationKind.MoveToPool : ActuationKind.Drain, moves ? left.Pool : null);
                }

                break;
            case WorkerReadmitted back when naming.NodeOf(back.Worker) is { } node:
                _away.Remove((back.Job, back.Worker));
                if (_wishes.TryGetValue(node, out Wish? before) && before.Kind == ActuationKind.Drain
                    && !_away.Any(other => naming.NodeOf(other.Worker) == node))
                {
                    Wants(node, entry, ActuationKind.Readmit, pool: null);
                }

                break;
            case ActuationRequested asked:
                _keys.Add(asked.ActionKey);
                if (_byKey.TryGetValue(asked.ActionKey, out Wish? wish))
                {
                    wish.IsRequested = true;
                }

                break;
            case ActuationDone done:
                _keys.Add(done.ActionKey);
                _superseded.RemoveAll(old => old.Key == done.ActionKey);
                if (_byKey.TryGetValue(done.ActionKey, out Wish? ended))
                {
                    ended.IsDone = done.Succeeded;
                    ended.IsFailureTold |= !done.Succeeded;
                }

                break;
        }
    }

    /// <summary>What is to be written now: requests for the wishes that have none, and the end of those that others took the place of.</summary>
    /// <param name="isGuarded">Whether a job is this guardian's to decide for.</param>
    public IReadOnlyList<LedgerDecision> Due(Func<JobId, bool> isGuarded)
    {
        var due = new List<LedgerDecision>();
        foreach (Wish old in _superseded.Where(old => isGuarded(old.Cause.Job)))
        {
            due.Add(new ActuationDone(
                old.Cause.Job, old.Cause.Generation, old.Cause.Step, old.Key, Succeeded: false, $"{old.Node} is wanted otherwise meanwhile"));
        }

        foreach (Wish wish in _wishes.Values.Where(wish => !wish.IsRequested && !wish.IsDone && isGuarded(wish.Cause.Job)).OrderBy(wish => wish.Sequence))
        {
            due.Add(new ActuationRequested(
                wish.Cause.Job, wish.Cause.Generation, wish.Cause.Step, wish.Key, wish.Kind, wish.Node.Value, wish.Pool, wish.Cause.Reason));
        }

        return due;
    }

    /// <summary>The state in which nodes are wanted that are not known to be in it.</summary>
    public IReadOnlyDictionary<NodeId, DesiredNode> Desired() =>
        _wishes.Values.Where(wish => wish.IsRequested && !wish.IsDone).ToDictionary(wish => wish.Node, wish => wish.Desired);

    /// <summary>What a reconciliation says of a wish; null where the ledger has it already, or the wish is out of date.</summary>
    public ActuationDone? Outcome(NodeStanding standing)
    {
        if (!_wishes.TryGetValue(standing.Node, out Wish? wish) || wish.Key != standing.Desired.ActionKey || wish.IsDone)
        {
            return null;
        }

        bool settled = standing.State == ReconcileState.Settled;
        return settled || !wish.IsFailureTold
            ? new ActuationDone(
                wish.Cause.Job, wish.Cause.Generation, wish.Cause.Step, wish.Key, settled,
                settled ? standing.Reason : $"not yet, and tried again until it is: {standing.Reason}")
            : null;
    }

    /// <summary>An action that a node bears and the ledger has not, as one of a job of this guardian's.</summary>
    /// <param name="seen">The node as it is.</param>
    /// <param name="jobs">The jobs.</param>
    /// <param name="state">What the ledger comes to.</param>
    /// <returns>What to put down, which says it; null where nothing is lost.</returns>
    public ActuationDone? FindLost(NodeObservation seen, IEnumerable<JobId> jobs, LedgerState state)
    {
        if (seen.ActionKey is not { } key || _keys.Contains(key) || key.Split('.') is not [var slug, var number, _]
            || !long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long sequence))
        {
            return null;
        }

        foreach (JobId job in jobs.Where(job => SlugOf(job) == slug))
        {
            string lost = state.FindLost(sequence) ?? string.Create(CultureInfo.InvariantCulture, $"Its entry {sequence} is about something else: it was begun anew.");
            return new ActuationDone(
                job, default, 0, key, Succeeded: true, $"{seen.Node} is out of service by the action {key}, which this ledger does not have. {lost}");
        }

        return null;
    }

    /// <summary>Of the entry that an action follows from: the number, and the time since numbers come again in another ledger.</summary>
    internal static string KeyOf(LedgerEntry cause) => string.Create(
        CultureInfo.InvariantCulture,
        $"{SlugOf(cause.Decision.Job)}.{cause.Sequence}.{(cause.At.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) / TimeSpan.TicksPerMicrosecond:x}");

    private static string SlugOf(JobId job) =>
        new([.. job.Value.Take(SlugLengthMax).Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' ? c : '-')]);

    private void Wants(NodeId node, LedgerEntry cause, ActuationKind kind, string? pool)
    {
        if (_wishes.TryGetValue(node, out Wish? before))
        {
            _byKey.Remove(before.Key);
            if (before is { IsRequested: true, IsDone: false })
            {
                _superseded.Add(before);
            }
        }

        var wish = new Wish(node, KeyOf(cause), cause.Sequence, kind, pool, cause.Decision);
        _wishes[node] = wish;
        _byKey[wish.Key] = wish;
    }

    private sealed record Wish(NodeId Node, string Key, long Sequence, ActuationKind Kind, string? Pool, LedgerDecision Cause)
    {
        public bool IsRequested { get; set; }

        public bool IsDone { get; set; }

        public bool IsFailureTold { get; set; }

        public DesiredNode Desired => Kind == ActuationKind.Drain ? new DesiredNode.Drained(Key, Cause.Reason) : new DesiredNode.Serve(Key, Pool);
    }
}
