using System.Globalization;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace StragglerGuard.Guardian;

/// <summary>Asks every planner what could be done about a job, and scores it: what the policy then chooses from.</summary>
/// <remarks>Only what the options allow and what every rank of the job can carry out.</remarks>
internal sealed class CandidateDesk(MitigationSection options)
{
    /// <summary>Beyond so many members nobody looks for tails: the slowest of thousands is in every step's tail, and no deadline is one node's.</summary>
    private const int TailMembersMax = 4_096;

    private readonly EvictionPlanner _evictions = new();
    private readonly RebalancePlanner _planner = new();

    /// <summary>Everything that could be done.</summary>
    /// <param name="view">The job.</param>
    /// <param name="times">Its last steps.</param>
    /// <param name="book">What was decided before.</param>
    public List<ScoredPlan> Collect(DeskView view, OwnTimes times, MitigationBook book)
    {
        var found = new List<ScoredPlan>();
        if (Allows(MitigationKind.Rebalance) && view.Rebalance is PolicyDecision.Propose proposal)
        {
            found.Add(Rebalance(view, proposal));
        }

        RankAbilities can = view.Members.Abilities;
        bool tails = view.Members.IsIdentity && view.InForce.Members <= TailMembersMax && times.Frames >= TailEvidence.StepsMin;
        if (tails && (can & (RankAbilities.Deadline | RankAbilities.Backup)) != 0)
        {
            CollectForTails(view, times, can, found);
        }

        if (can.HasFlag(RankAbilities.Regroup) && Allows(MitigationKind.Evict))
        {
            if (view.Flagged.Count > 0 && Evict(view) is { } eviction)
            {
                found.Add(eviction);
            }

            foreach (StandbyReport waiting in view.Standby.Values)
            {
                if (view.InForce.NumberOf(waiting.Slot) < 0 && Readmit(view, waiting, book) is { } readmission)
                {
                    found.Add(readmission);
                }
            }
        }

        return found;
    }

    /// <summary>What is to be done about a group that came to its end.</summary>
    /// <param name="view">The job as it was.</param>
    /// <param name="culprits">The members that caused it.</param>
    /// <param name="reason">In words.</param>
    public ScoredPlan? Restart(DeskView view, IReadOnlyList<int> culprits, string reason)
    {
        if (!view.Members.Abilities.HasFlag(RankAbilities.Regroup) || !Allows(MitigationKind.Evict) || culprits.Count == view.InForce.Members)
        {
            return null;
        }

        int[] shares = SharesWithout(view, culprits, out double step);
        return new ScoredPlan(
            new MitigationCandidate
            {
                Kind = MitigationKind.Restart,
                Prediction = new MitigationPrediction(step > 0 ? step : view.StepSeconds, double.PositiveInfinity),
                OneOffCostSeconds = options.RegroupSeconds,
                ForgoneSeconds = options.RegroupSeconds, // All time is lost until it is done.
                OnsetSeconds = view.NowSeconds,
                Replicas = [.. culprits.Select(number => view.InForce.MemberSlots[number])],
                Reason = reason,
            },
            Next(view), shares);
    }

    /// <summary>What speaks for a standby worker's being as fast as its peers.</summary>
    public static (ProbeOpinion Opinion, string Reason) Examine(DeskView view, StandbyReport waiting, double minimumEffect)
    {
        if (waiting.SecondsPerUnit is not { } own)
        {
            return (ProbeOpinion.None, "it has not tried a micro-batch yet");
        }

        double[] peers = [.. view.Classes.Select((deviceClass, number) => (deviceClass, number))
            .Where(member => member.deviceClass == waiting.DeviceClass)
            .Select(member => view.SecondsPerUnit.Span[member.number]).Where(double.IsFinite)];
        if (peers.Length == 0)
        {
            return (ProbeOpinion.Unknown, $"nobody in the job computes on {waiting.DeviceClass}");
        }

        double median = RollingSeconds.MedianOf(peers);
        string numbers = Say($"a micro-batch takes it {own:G4} s, {own / median:0.00} times the median of {peers.Length} members on {waiting.DeviceClass}");
        return (own <= median * (1 + minimumEffect) ? ProbeOpinion.Fit : ProbeOpinion.Slow, numbers);
    }

    private bool Allows(MitigationKind kind) => options.Allowed is MitigationChoice.Auto || options.Allowed.ToString() == kind.ToString();

    private static ScoredPlan Rebalance(DeskView view, PolicyDecision.Propose proposal)
    {
        JobPlan plan = view.InForce;
        long onset = view.Flagged.Count > 0 ? view.Flagged.Min(flagged => flagged.OnsetStep) : view.Step;

        // A deadline keeps its place in the step.
        double before = Math.Max(proposal.CurrentPredictedSeconds - view.CommonSeconds, double.Epsilon);
        double stretch = Math.Max(0, proposal.PredictedStepSeconds - view.CommonSeconds) / before;
        return new ScoredPlan(
            new MitigationCandidate
            {
                Kind = MitigationKind.Rebalance,
                Prediction = new MitigationPrediction(
                    proposal.PredictedStepSeconds, proposal.CurrentPredictedSeconds / proposal.PredictedStepSeconds),
                OneOffCostSeconds = 0, // The rebalance policy has weighed the switch.
                OnsetSeconds = view.SecondsAt(onset),
                EndsWithVerdict = proposal.IsReturn,
                Reason = proposal.Reason,
            },
            plan.Generation, BySlot(plan, proposal.MicroBatches.AsSpan()),
            plan.DeadlineNs == 0 ? 0 : Math.Max(1, (long)(plan.DeadlineNs * stretch)), plan.Backups);
    }

    private void CollectForTails(DeskView view, OwnTimes times, RankAbilities can, List<ScoredPlan> found)
    {
        JobPlan plan = view.InForce;
        double[] own = times.Under(plan.Deal);
        TailEvidence tails = TailEvidence.Measure(own, plan.Members);
        double onset = view.SecondsAt(view.Step - times.Frames);
        int[] shares = plan.Shares.ToArray();
        if (plan is { DeadlineNs: 0, Backups: 0 } && can.HasFlag(RankAbilities.Deadline) && Allows(MitigationKind.Deadline))
        {
            int[] units = new int[own.Length];
            for (int at = 0; at < units.Length; at += plan.Members)
            {
                plan.Deal.MicroBatches.CopyTo(units.AsSpan(at));
            }

            DeadlineDecision decided = DeadlinePlanner.Decide(new DeadlineEvidence
            {
                Ranks = plan.Members,
                StepSeconds = own,
                MicroBatches = units,
                CommonSeconds = view.CommonSeconds,
            });
            found.Add(new ScoredPlan(
                OfTails(MitigationKind.Deadline, decided.PredictedStepSeconds, decided.ExpectedGain, decided.Accepted, decided.Reason),
                plan.Generation, shares, decided.DeadlineNs));
        }

        if (can.HasFlag(RankAbilities.Backup) && Allows(MitigationKind.Backup))
        {
            BackupWorkerDecision decided = BackupWorkerGate.Judge(new BackupWorkerEvidence
            {
                Workers = plan.Members,
                StepSeconds = own,
                MicroBatchesPerWorker = Math.Max(1, plan.Total / plan.Members),
                CommunicationSeconds = view.CommonSeconds,
            });
            if (plan is { DeadlineNs: 0, Backups: 0 })
            {
                // Of P − b members' work, in steps so much shorter.
                double step = view.StepSeconds * (1 - ((double)decided.Backups / plan.Members)) / (decided.ExpectedGain ?? 1);
                found.Add(new ScoredPlan(
                    OfTails(MitigationKind.Backup, step, decided.ExpectedGain, decided.Accepted, decided.Reason),
                    plan.Generation, shares, Backups: decided.Accepted ? decided.Backups : 0));
            }
            else if (plan.Backups > 0 && !decided.Accepted && decided.ExpectedGain is { } kept and < 1)
            {
                // The tails are gone: to throw a share of the work away has become a loss.
                found.Add(new ScoredPlan(
                    new MitigationCandidate
                    {
                        Kind = MitigationKind.Rebalance,
                        Prediction = new MitigationPrediction(view.StepSecondsUnder(plan.Deal.MicroBatches), 1 / kept),
                        OneOffCostSeconds = 0,
                        OnsetSeconds = view.NowSeconds,
                        Reason = $"wait for all again: {decided.Reason}",
                    },
                    plan.Generation, shares));
            }
        }

        MitigationCandidate OfTails(MitigationKind kind, double? step, double? gain, bool accepted, string reason) => new()
        {
            Kind = kind,
            Prediction = new MitigationPrediction(step is > 0 ? step.Value : view.StepSeconds, gain is > 0 ? gain.Value : 1),
            OneOffCostSeconds = 0,
            OnsetSeconds = onset,
            Tails = tails,
            PlannerObjection = accepted ? null : reason,
            Reason = reason,
        };
    }

    private ScoredPlan? Evict(DeskView view)
    {
        JobPlan plan = view.InForce;
        if (HasUnknown(view.SecondsPerUnit.Span))
        {
            return null;
        }

        double now = view.StepSecondsUnder(plan.Deal.MicroBatches);
        EvictionOutcome outcome = _evictions.Solve(new EvictionProblem
        {
            Job = Problem(view, Enumerable.Range(0, plan.Members)),
            Candidates = view.Flagged.Select(flagged => flagged.Number).ToArray(),
            CommonSeconds = view.CommonSeconds,
            RegroupSeconds = options.RegroupSeconds,
            HorizonSteps = (int)Math.Clamp(options.HorizonSeconds / view.StepSeconds, 1, int.MaxValue),
        });
        EvictionTrial? trial = outcome switch
        {
            EvictionOutcome.Evict evict => evict.Trials.First(tried => tried.Replicas.SequenceEqual(evict.Replicas)),

            // Where the rest may not be dealt by speed, the present deal is what leaving is held against.
            _ => outcome.Trials.Where(tried => tried.StepSeconds > 0).MinBy(tried => tried.StepSeconds),
        };
        if (trial is null)
        {
            return null;
        }

        bool objects = outcome is not EvictionOutcome.Evict && Allows(MitigationKind.Rebalance);
        int[] shares = SharesWithout(view, trial.Replicas, out double step);
        return new ScoredPlan(
            new MitigationCandidate
            {
                Kind = MitigationKind.Evict,
                Prediction = new MitigationPrediction(step, now / step),
                OneOffCostSeconds = options.RegroupSeconds,
                OnsetSeconds = view.SecondsAt(view.Flagged.Where(flagged => trial.Replicas.Contains(flagged.Number)).Min(flagged => flagged.OnsetStep)),
                Replicas = [.. trial.Replicas.Select(number => plan.MemberSlots[number])],
                PlannerObjection = objects ? outcome.Reason : null,
                Reason = trial.Reason,
            },
            Next(view), shares);
    }

    private ScoredPlan? Readmit(DeskView view, StandbyReport waiting, MitigationBook book)
    {
        JobPlan plan = view.InForce;
        if (HasUnknown(view.SecondsPerUnit.Span))
        {
            return null;
        }

        double own = waiting.SecondsPerUnit ?? RollingSeconds.MedianOf(view.SecondsPerUnit.ToArray());
        int place = 0;
        while (place < plan.Members && plan.MemberSlots[place] < waiting.Slot)
        {
            place++;
        }

        RebalanceProblem without = Problem(view, Enumerable.Range(0, plan.Members));
        if (_planner.Solve(new RebalanceProblem
        {
            FixedSeconds = With(without.FixedSeconds, place, 0),
            SecondsPerUnit = With(without.SecondsPerUnit, place, own),
            Lowest = With(without.Lowest, place, Math.Min(1, plan.Total)),
            Highest = With(without.Highest, place, int.MaxValue),
            Current = With(without.Current, place, 0),
            Total = plan.Total,
        }) is not RebalanceOutcome.Solved solved)
        {
            return null;
        }

        int[] shares = plan.Shares.ToArray();
        for (int number = 0, from = 0; number <= plan.Members; number++)
        {
            shares[number == place ? waiting.Slot : plan.MemberSlots[from++]] = solved.MicroBatches[number];
        }

        double now = view.StepSecondsUnder(plan.Deal.MicroBatches);
        double step = view.CommonSeconds + solved.StepSeconds;
        double since = book.Probations.FirstOrDefault(term => term.Replica == waiting.Slot) is { Terms: > 0 } term ? term.UntilSeconds : view.NowSeconds;
        return new ScoredPlan(
            new MitigationCandidate
            {
                Kind = MitigationKind.Readmit,
                Prediction = new MitigationPrediction(step, now / step),
                OneOffCostSeconds = options.RegroupSeconds,
                OnsetSeconds = Math.Min(since, view.NowSeconds),
                Replicas = [waiting.Slot],
                Reason = Say($"{waiting.Worker} is back: with it the best step takes {step:G4} s against {now:G4} s"),
            },
            Next(view), shares);
    }

    /// <summary>The best deal among the other members, by slot, and what a step takes under it.</summary>
    private int[] SharesWithout(DeskView view, IReadOnlyCollection<int> leaving, out double stepSeconds)
    {
        JobPlan plan = view.InForce;
        int[] staying = [.. Enumerable.Range(0, plan.Members).Where(number => !leaving.Contains(number))];
        int[] deal = EvenDeal.Of(plan.Total, staying.Length);
        stepSeconds = double.NaN;
        if (!HasUnknown(view.SecondsPerUnit.Span) && _planner.Solve(Problem(view, staying)) is RebalanceOutcome.Solved solved)
        {
            deal = [.. solved.MicroBatches];
            stepSeconds = view.CommonSeconds + solved.StepSeconds;
        }

        int[] shares = new int[plan.Slots];
        Array.Fill(shares, JobPlan.NotMember);
        for (int i = 0; i < staying.Length; i++)
        {
            shares[plan.MemberSlots[staying[i]]] = deal[i];
        }

        return shares;
    }

    private static RebalanceProblem Problem(DeskView view, IEnumerable<int> members)
    {
        int[] numbers = [.. members];
        return new RebalanceProblem
        {
            FixedSeconds = new double[numbers.Length],
            SecondsPerUnit = numbers.Select(number => view.SecondsPerUnit.Span[number]).ToArray(),
            Lowest = numbers.Select(number => view.Members.Lowest.Span[number]).ToArray(),
            Highest = numbers.Select(number => view.Members.Highest.Span[number]).ToArray(),
            Current = numbers.Select(number => view.InForce.Deal.MicroBatches[number]).ToArray(),
            Total = view.InForce.Total,
        };
    }

    private static int[] BySlot(JobPlan plan, ReadOnlySpan<int> ofMembers)
    {
        int[] shares = plan.Shares.ToArray();
        for (int number = 0; number < ofMembers.Length; number++)
        {
            shares[plan.MemberSlots[number]] = ofMembers[number];
        }

        return shares;
    }

    private static T[] With<T>(ReadOnlyMemory<T> list, int at, T value) => [.. list.Span[..at], value, .. list.Span[at..]];

    private static bool HasUnknown(ReadOnlySpan<double> seconds)
    {
        foreach (double one in seconds)
        {
            if (!(one > 0 && double.IsFinite(one)))
            {
                return true;
            }
        }

        return false;
    }

    private static Generation Next(DeskView view) => new(view.InForce.Generation.Value + 1);

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
