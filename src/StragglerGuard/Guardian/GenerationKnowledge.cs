using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;

namespace StragglerGuard.Guardian;

/// <summary>What judging knows of a generation all of whose ranks are known, kept up to date by it frame by frame: what acting rests on.</summary>
internal sealed record GenerationKnowledge
{
    public required JobId Job { get; init; }

    public required Generation Generation { get; init; }

    /// <summary>Replicas that the job began with.</summary>
    public required int Slots { get; init; }

    public required int TotalMicroBatches { get; init; }

    /// <summary>By rank.</summary>
    public required IReadOnlyList<RankEnrollment> Ranks { get; init; }

    public required ReplicaNumbers Numbers { get; init; }

    public required MemberView Members { get; init; }

    public required PlanHistory Plans { get; init; }

    public required StepClock Clock { get; init; }

    public required SpeedEstimator Speeds { get; init; }

    public required VerdictBook Verdicts { get; init; }

    public required JobDetector Detector { get; init; }

    public required TrialBook Trials { get; init; }

    /// <summary>The least slowdown that counts, a share.</summary>
    public required double MinimumEffect { get; init; }

    /// <summary>Whether the plan in force had every rank try a micro-batch, and not too long ago.</summary>
    public bool HasFreshTrial => Plans.InForce.IsTrial && Trials.IsComplete(Plans.InForce.Epoch) && IsTrialFresh;

    /// <summary>Whether a trial that the plan in force asks for is under way.</summary>
    public bool AwaitsTrial => Plans.InForce.IsTrial && !Trials.IsComplete(Plans.InForce.Epoch) && IsTrialFresh;

    private bool IsTrialFresh => Plans.StepsSinceInForce(Clock.LastStep) < TrialBook.FreshSteps;

    /// <summary>The members that have a standing verdict, and since which step.</summary>
    public List<(int Number, long OnsetStep)> FlaggedMembers()
    {
        var flagged = new SortedDictionary<int, long>();
        foreach (Rank rank in Verdicts.Flagged.Span)
        {
            int number = Numbers[rank.Value];
            long onset = Verdicts.Standing(rank.Value)!.OnsetStep;
            flagged[number] = Math.Min(onset, flagged.GetValueOrDefault(number, long.MaxValue));
        }

        return [.. flagged.Select(pair => (pair.Key, pair.Value))];
    }

    /// <summary>What is known against a member: that of its ranks which is known best.</summary>
    public ReplicaEvidence EvidenceOn(int number)
    {
        Rank? doubted = null;
        foreach (Rank rank in Verdicts.Flagged.Span)
        {
            if (Numbers[rank.Value] == number)
            {
                doubted = doubted is null || Detector.IsBeyondDoubt(rank) ? rank : doubted;
            }
        }

        (ProbeOpinion Opinion, string Reason) trial = HasFreshTrial ? Trials.Examine(number, Numbers, Members.Classes, MinimumEffect) : default;
        return new ReplicaEvidence
        {
            Probe = trial.Opinion,
            ProbeReason = trial.Reason ?? "",
            Replica = Plans.InForce.MemberSlots[number],
            IsBeyondDoubt = doubted is { } sure && Detector.IsBeyondDoubt(sure),
            GateReason = doubted is { } known ? Detector.DescribeDoubt(known) : "",
        };
    }
}
