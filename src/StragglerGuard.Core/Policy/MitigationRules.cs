using System.Globalization;

namespace StragglerGuard.Core.Policy;

/// <summary>The rules that a candidate has to pass, in the order of <see cref="RefusalCause"/>.</summary>
internal sealed class MitigationRules(MitigationOptions options)
{
    /// <summary>Of the least gain: by how much a return to a former deal may lose. Less is lost in the noise.</summary>
    private const double ReturnTolerance = 0.5;

    /// <summary>What an action of a cost has to win: a share of the present time.</summary>
    public double NeededGain(double costSeconds) => Math.Max(options.MinGain, costSeconds / options.HorizonSeconds);

    /// <summary>The first rule that objects, or null.</summary>
    public MitigationRefusal? Refuse(MitigationInput input, MitigationCandidate candidate)
    {
        var standsStill = candidate.IsDestructive && double.IsPositiveInfinity(candidate.Prediction.SamplesPerSecondRatio);
        var objection = HoldAll(input, standsStill)
            ?? Planner(candidate)
            ?? Rest(input, candidate)
            ?? Gain(candidate)
            ?? Tails(candidate)
            ?? (candidate.IsDestructive ? Destructive(input, candidate) : null)
            ?? (candidate.Kind == MitigationKind.Readmit ? Readmission(input, candidate) : null)
            ?? SkiRental(candidate);
        return objection is { } found ? new MitigationRefusal(candidate.Kind, candidate.Replicas, found.Cause, found.Reason) : null;
    }

    /// <summary>What forbids any action at all.</summary>
    /// <param name="input">What is known.</param>
    /// <param name="standsStill">Whether the action is to set a standing job in motion: no step would ever end a wait for steps.</param>
    public Objection? HoldAll(MitigationInput input, bool standsStill)
    {
        if (input.PendingPlan is { } pending && !standsStill)
        {
            return Object(RefusalCause.PlanPending, $"the plan of {pending} is not in force yet");
        }

        if (input.ObserverComplaint is { } complaint)
        {
            return Object(RefusalCause.ObserverUnwell, $"the guard distrusts its own view: {complaint}");
        }

        if (input.StepsSinceLastPlan is { } steps && steps < options.CoolDownSteps && !standsStill)
        {
            return Object(RefusalCause.CoolDown, $"{steps} of {options.CoolDownSteps} steps of cool-down since the last plan");
        }

        return Brake(input, options.BrakeShare) is { } group
            ? Object(
                RefusalCause.Brake,
                $"{group.Flagged} of {group.Members} members of {group.Name} are flagged, more than {options.BrakeShare:P0}: the cause is common")
            : null;
    }

    /// <summary>Why a candidate that nothing objects to is taken.</summary>
    public string Commend(MitigationInput input, MitigationCandidate candidate)
    {
        var prediction = candidate.Prediction;
        var gain = double.IsPositiveInfinity(prediction.SamplesPerSecondRatio)
            ? Say($"the job stands still without it")
            : Say($"{prediction.StepSeconds:G4} s a step, {prediction.SamplesPerSecondRatio:0.000} times the samples per second");
        var needed = candidate.IsReturn
            ? "no verdict asks for the present deal any more"
            : Say($"a gain of {prediction.Gain:P1} where {NeededGain(candidate.OneOffCostSeconds):P1} is needed, {candidate.ForgoneSeconds:G4} s forgone so far against a cost of {candidate.OneOffCostSeconds:G4} s");
        var sure = candidate.IsDestructive || candidate.Kind == MitigationKind.Readmit
            ? string.Concat(candidate.Replicas.Select(replica => EvidenceOn(input, replica)))
            : "";
        var mode = input.Mode switch
        {
            PolicyMode.Act => "",
            PolicyMode.Advise => "; the mode is advise: told, not carried out",
            _ => "; the mode is observe: shown, not carried out",
        };
        return $"{MitigationWords.Of(candidate)}: {candidate.Reason}; {gain}; {needed}{sure}{mode}";
    }

    private static Objection? Planner(MitigationCandidate candidate) => candidate.PlannerObjection is { } objection
        ? Object(RefusalCause.PlannerObjects, $"{MitigationWords.Of(candidate)}: {objection}")
        : null;

    private static Objection? Rest(MitigationInput input, MitigationCandidate candidate)
    {
        // A return takes a plan of the kind back. Nothing is promised of it that could be believed too readily.
        if (candidate.IsReturn)
        {
            return null;
        }

        foreach (var rest in input.Rests)
        {
            if (rest.Kind == candidate.Kind && rest.UntilSeconds > input.NowSeconds)
            {
                return Object(
                    RefusalCause.KindAtRest,
                    $"{MitigationWords.Of(rest.Kind)} rests for another {rest.UntilSeconds - input.NowSeconds:0} s: plans of that kind fell short {rest.Times} times in a row");
            }
        }

        return null;
    }

    private Objection? Gain(MitigationCandidate candidate)
    {
        var gain = candidate.Prediction.Gain;
        if (candidate.IsReturn)
        {
            return gain < -options.MinGain * ReturnTolerance
                ? Object(RefusalCause.LittleGain, $"going back to the former deal would lose {-gain:P1}, more than {options.MinGain * ReturnTolerance:P1}")
                : null;
        }

        var needed = NeededGain(candidate.OneOffCostSeconds);
        return gain > needed
            ? null
            : Object(
                RefusalCause.LittleGain,
                $"{MitigationWords.Of(candidate)} would win {gain:P1} at {candidate.Prediction.StepSeconds:G4} s a step; it needs more than {needed:P1}, the larger of {options.MinGain:P1} and its cost of {candidate.OneOffCostSeconds:G4} s over {options.HorizonSeconds:G4} s");
    }

    private Objection? Tails(MitigationCandidate candidate)
    {
        if (candidate.Kind is not (MitigationKind.Deadline or MitigationKind.Backup))
        {
            return null;
        }

        var name = MitigationWords.Of(candidate);
        var steps = candidate.Tails?.Steps ?? 0;
        if (steps < TailEvidence.StepsMin)
        {
            return Object(RefusalCause.LittleEvidence, $"{name}: {steps} steps are too few to see tails by; {TailEvidence.StepsMin} are needed");
        }

        var tails = candidate.Tails!;
        if (tails.LateShare > options.AlwaysLateShare)
        {
            return Object(
                RefusalCause.AlwaysLate,
                $"{name}: replica {tails.LatestReplica} is late in {tails.LateShare:P0} of {steps} steps, more than {options.AlwaysLateShare:P0}: one that is always late is dealt less work or leaves");
        }

        return tails.Tail < options.MinTail
            ? Object(
                RefusalCause.NoTail,
                $"{name}: no tails; the slowest replica takes {tails.SlowestSeconds:G4} s a step against {tails.TypicalSeconds:G4} s of the median one, {tails.Tail:P1} more over {steps} steps, and {options.MinTail:P1} is asked for")
            : null;
    }

    private Objection? Destructive(MitigationInput input, MitigationCandidate candidate)
    {
        var name = MitigationWords.Of(candidate);
        if (Brake(input, options.DestructiveBrakeShare) is { } group)
        {
            return Object(
                RefusalCause.DestructiveBrake,
                $"{name}: {group.Flagged} of {group.Members} members of {group.Name} are flagged, more than {options.DestructiveBrakeShare:P0}: nothing destructive");
        }

        foreach (var replica in candidate.Replicas)
        {
            var known = Find(input, replica);
            if (known is not { IsBeyondDoubt: true } and not { HangReason: not null })
            {
                var why = known is { GateReason.Length: > 0 } ? known.GateReason : "there is no evidence on it";
                return Object(RefusalCause.GateClosed, $"{name}: the evidence against replica {replica} is not beyond doubt: {why}");
            }

            // A probe sees the device. That a process hangs on a good device is no contradiction, and restarting it no eviction of the device.
            if (known.Probe == ProbeOpinion.Fit && !(known.HangReason is not null && candidate.Kind == MitigationKind.Restart))
            {
                return Object(RefusalCause.ProbeDisagrees, $"{name}: a probe found replica {replica} fit: {known.ProbeReason}");
            }
        }

        return Floor(input, candidate, name) ?? Budget(input, candidate, name);
    }

    private Objection? Floor(MitigationInput input, MitigationCandidate candidate, string name)
    {
        // 1e-9: 0.7 of 10 is 7, however the product is rounded.
        var floor = Math.Max(options.FloorMembers, (int)Math.Ceiling((options.FloorShare * input.InitialMembers) - 1e-9));
        var left = input.Members - candidate.Replicas.Length;
        return candidate.Replicas.IsEmpty || left >= floor
            ? null
            : Object(
                RefusalCause.Floor,
                $"{name} would leave {left} members; the floor is {floor} ({options.FloorShare:P0} of the first {input.InitialMembers}, and {options.FloorMembers} at least)");
    }

    private Objection? Budget(MitigationInput input, MitigationCandidate candidate, string name)
    {
        var asked = Math.Max(1, candidate.Replicas.Length);
        if (asked > options.EvictionsPerHour)
        {
            return Object(RefusalCause.BudgetSpent, $"{name} counts as {asked} evictions; the budget is {options.EvictionsPerHour} an hour");
        }

        var spent = EvictionBudget.CountAt(input.NowSeconds, input.EvictionsAtSeconds);
        return spent + asked <= options.EvictionsPerHour
            ? null
            : Object(
                RefusalCause.BudgetSpent,
                $"{name}: {spent} of {options.EvictionsPerHour} evictions of this hour are spent; there is room in {EvictionBudget.SecondsUntil(options.EvictionsPerHour - asked, input.NowSeconds, input.EvictionsAtSeconds):0} s");
    }

    private Objection? Readmission(MitigationInput input, MitigationCandidate candidate)
    {
        var name = MitigationWords.Of(candidate);
        foreach (var replica in candidate.Replicas)
        {
            foreach (var term in input.Probations)
            {
                if (term.Replica == replica && term.UntilSeconds > input.NowSeconds)
                {
                    return Object(
                        RefusalCause.OnProbation,
                        $"{name}: replica {replica} is on probation for another {term.UntilSeconds - input.NowSeconds:0} s (term {term.Terms}, each twice the one before)");
                }
            }

            var known = Find(input, replica);
            var probe = known?.Probe ?? ProbeOpinion.None;
            if (probe == ProbeOpinion.Slow)
            {
                return Object(RefusalCause.ProbeDisagrees, $"{name}: a probe found replica {replica} slow: {known!.ProbeReason}");
            }

            if (probe != ProbeOpinion.Fit && options.ReadmitNeedsProbe)
            {
                return Object(RefusalCause.ProbeDisagrees, $"{name}: no probe has found replica {replica} fit yet{Trailing(known?.ProbeReason)}");
            }
        }

        return null;
    }

    private static Objection? SkiRental(MitigationCandidate candidate) =>
        candidate.ForgoneSeconds >= candidate.OneOffCostSeconds || candidate.IsReturn
            ? null
            : Object(
                RefusalCause.CostNotReached,
                $"{MitigationWords.Of(candidate)} costs {candidate.OneOffCostSeconds:G4} s once; it would have given back {candidate.ForgoneSeconds:G4} s so far, and is taken once that has reached its cost");

    private static FlaggedGroup? Brake(MitigationInput input, double share)
    {
        foreach (var group in input.Groups)
        {
            // 1e-9: 0.3 of 10 is 3, however the product is rounded.
            if (group.Flagged > (share * group.Members) + 1e-9)
            {
                return group;
            }
        }

        return null;
    }

    private static string EvidenceOn(MitigationInput input, int replica)
    {
        var known = Find(input, replica);
        var gate = known switch
        {
            { HangReason: { } hang } => Trailing($"replica {replica} hangs: {hang}"),
            { IsBeyondDoubt: true } => Trailing($"replica {replica} is slow beyond doubt{Trailing(known.GateReason)}"),
            _ => "",
        };
        return gate + known?.Probe switch
        {
            ProbeOpinion.Slow => Trailing($"a probe confirms that replica {replica} is slow{Trailing(known.ProbeReason)}"),
            ProbeOpinion.Fit => Trailing($"a probe found replica {replica} fit{Trailing(known.ProbeReason)}"),
            ProbeOpinion.Unknown => Trailing($"a probe of replica {replica} could not tell{Trailing(known.ProbeReason)}"),
            _ => "",
        };
    }

    private static string Trailing(string? text) => string.IsNullOrEmpty(text) ? "" : "; " + text;

    private static ReplicaEvidence? Find(MitigationInput input, int replica) => input.Replicas.FirstOrDefault(known => known.Replica == replica);

    private static Objection Object(RefusalCause cause, FormattableString reason) => new(cause, Say(reason));

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Why not.</summary>
    internal readonly record struct Objection(RefusalCause Cause, string Reason);
}
