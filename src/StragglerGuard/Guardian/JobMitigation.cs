using System.Collections.Immutable;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;

namespace StragglerGuard.Guardian;

/// <summary>What could be done about one generation of a job, and what is chosen: candidates → policy.</summary>
/// <remarks>No clock and no thread: time comes with the call.</remarks>
internal sealed class JobMitigation
{
    private readonly MitigationBook _book;
    private readonly CandidateDesk _desk;
    private readonly MitigationPolicy _policy;
    private readonly ForgoneTime _forgone = new();
    private readonly OwnTimes? _times;
    private readonly double _minimumEffect;
    private readonly int _slots;

    /// <summary>Begins with the members of a generation.</summary>
    public JobMitigation(StragglerGuardOptions options, MitigationOptions thresholds, MitigationBook book, MemberView members, int slots)
    {
        _book = book;
        _desk = new CandidateDesk(options.Mitigation, thresholds);
        _policy = new MitigationPolicy(thresholds);
        _times = TailDesk.Serves(members) ? new OwnTimes(members.Members) : null;
        _minimumEffect = options.Detection.MinimumEffect;
        _slots = slots;
    }

    /// <summary>Takes a step.</summary>
    /// <param name="secondsPerUnit">What a micro-batch took each member, s; NaN where unknown.</param>
    public void Take(ReadOnlySpan<double> secondsPerUnit) => _times?.Add(secondsPerUnit);

    /// <summary>A rank's speed is another: the last steps say nothing about the next.</summary>
    public void SpeedsChanged() => _times?.Clear();

    /// <summary>Looks for something to do.</summary>
    /// <param name="view">The job, of which no plan is on its way.</param>
    /// <param name="mode">How far the guardian may go.</param>
    /// <param name="observerComplaint">Why it distrusts its own view; null where it does not.</param>
    /// <param name="stepsSinceLastPlan">Null where there was none.</param>
    /// <param name="evidence">What is known about a member that is flagged.</param>
    public Review Decide(
        DeskView view, PolicyMode mode, string? observerComplaint, long? stepsSinceLastPlan, Func<int, ReplicaEvidence> evidence)
    {
        List<ReplicaEvidence> replicas = [.. view.Flagged.Select(flagged => evidence(flagged.Number))];
        List<ScoredPlan> plans = _desk.Collect(view, _times, _book, number => evidence(number).IsBeyondDoubt);
        foreach (ScoredPlan plan in plans.Where(plan => plan.Candidate.Kind == MitigationKind.Readmit))
        {
            int slot = plan.Candidate.Replicas[0];
            (ProbeOpinion opinion, string reason) = MembershipDesk.Examine(view, view.Standby[slot], _minimumEffect);
            replicas.Add(new ReplicaEvidence { Replica = slot, Probe = opinion, ProbeReason = reason });
        }

        ImmutableArray<MitigationCandidate> candidates = _forgone.Observe(view.NowSeconds, [.. plans.Select(plan => plan.Candidate)]);
        return Choose(view, plans, candidates, mode, observerComplaint, stepsSinceLastPlan, [.. replicas], view.Flagged.Count);
    }

    /// <summary>Decides about a group that came to its end.</summary>
    /// <param name="view">The job as it was.</param>
    /// <param name="mode">How far the guardian may go.</param>
    /// <param name="culprits">The members that caused it.</param>
    /// <param name="reason">In words.</param>
    public Review? DecideRestart(DeskView view, PolicyMode mode, IReadOnlyList<int> culprits, string reason) =>
        _desk.Restart(view, culprits, reason) is { } plan
            ? Choose(
                view, [plan], [plan.Candidate], mode, observerComplaint: null, stepsSinceLastPlan: null,
                [.. plan.Candidate.Replicas.Select(slot => new ReplicaEvidence { Replica = slot, HangReason = reason })], flagged: 0)
            : null;

    private Review Choose(
        DeskView view, List<ScoredPlan> plans, ImmutableArray<MitigationCandidate> candidates, PolicyMode mode, string? observerComplaint,
        long? stepsSinceLastPlan, ImmutableArray<ReplicaEvidence> replicas, int flagged)
    {
        MitigationDecision decision = _policy.Decide(new MitigationInput
        {
            Mode = mode,
            NowSeconds = view.NowSeconds,
            InitialMembers = _slots,
            Members = view.InForce.Members,
            Candidates = candidates,
            Groups = [new FlaggedGroup("the job", view.InForce.Members, flagged)],
            Replicas = replicas,
            ObserverComplaint = observerComplaint,
            StepsSinceLastPlan = stepsSinceLastPlan,
            EvictionsAtSeconds = _book.Evictions,
            Probations = _book.Probations,
            Rests = _book.Rests,
        });
        ScoredPlan? chosen = decision is MitigationDecision.Propose propose ? plans[candidates.IndexOf(propose.Candidate)] : null;
        return new Review(decision, chosen);
    }

    /// <summary>What the policy said, and the plan where it chose one.</summary>
    public sealed record Review(MitigationDecision Decision, ScoredPlan? Plan)
    {
        /// <summary>Whether anything was there to choose from.</summary>
        public bool HadCandidates => Decision.Refusals.Length > 0 || Plan is not null;
    }
}
