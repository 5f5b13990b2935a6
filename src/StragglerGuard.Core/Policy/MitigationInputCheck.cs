using System.Globalization;

namespace StragglerGuard.Core.Policy;

/// <summary>Tells a programmer what is wrong with an input.</summary>
internal static class MitigationInputCheck
{
    public static void ThrowIfMalformed(MitigationInput input)
    {
        Need(double.IsFinite(input.NowSeconds), $"NowSeconds = {input.NowSeconds} is not finite");
        Need(input.InitialMembers >= 1, $"InitialMembers = {input.InitialMembers} is below 1");
        Need(input.Members >= 1, $"Members = {input.Members} is below 1");
        Need(!input.Candidates.IsDefault, $"Candidates is missing");
        Need(!input.Groups.IsDefault, $"Groups is missing");
        Need(!input.Replicas.IsDefault, $"Replicas is missing");
        Need(!input.EvictionsAtSeconds.IsDefault, $"EvictionsAtSeconds is missing");
        Need(!input.Probations.IsDefault, $"Probations is missing");
        Need(!input.Rests.IsDefault, $"Rests is missing");
        foreach (var group in input.Groups)
        {
            Need(
                group.Members >= 1 && group.Flagged >= 0 && group.Flagged <= group.Members,
                $"Groups: {group.Flagged} of {group.Members} members of {group.Name} are flagged");
        }

        foreach (var at in input.EvictionsAtSeconds)
        {
            Need(double.IsFinite(at), $"EvictionsAtSeconds: {at} is not finite");
        }

        for (var i = 0; i < input.Candidates.Length; i++)
        {
            ThrowIfMalformed(input.Candidates[i], i);
        }
    }

    private static void ThrowIfMalformed(MitigationCandidate candidate, int index)
    {
        Need(candidate is not null, $"Candidates[{index}] is missing");
        var kind = candidate!.Kind;
        var (step, ratio) = candidate.Prediction;
        Need(kind is > MitigationKind.None and <= MitigationKind.Restart, $"Candidates[{index}].Kind = {kind} is no action");
        Need(step > 0 && double.IsFinite(step), $"Candidates[{index}].Prediction.StepSeconds = {step} is not a finite number above 0");
        Need(ratio > 0, $"Candidates[{index}].Prediction.SamplesPerSecondRatio = {ratio} is not above 0");
        Need(
            candidate.OneOffCostSeconds >= 0 && double.IsFinite(candidate.OneOffCostSeconds),
            $"Candidates[{index}].OneOffCostSeconds = {candidate.OneOffCostSeconds} is not a finite number of 0 or more");
        Need(
            candidate.ForgoneSeconds >= 0 && double.IsFinite(candidate.ForgoneSeconds),
            $"Candidates[{index}].ForgoneSeconds = {candidate.ForgoneSeconds} is not a finite number of 0 or more");
        Need(!candidate.Replicas.IsDefault, $"Candidates[{index}].Replicas is missing");
        Need(
            !candidate.Replicas.IsEmpty || kind is not (MitigationKind.Evict or MitigationKind.Readmit),
            $"Candidates[{index}].Replicas is empty, and its kind is {kind}");
        Need(
            candidate.Replicas.All(replica => replica >= 0) && candidate.Replicas.Distinct().Count() == candidate.Replicas.Length,
            $"Candidates[{index}].Replicas = {string.Join(", ", candidate.Replicas)} has a replica twice or below 0");
    }

    private static void Need(bool good, FormattableString fault)
    {
        if (!good)
        {
            throw new ArgumentException(fault.ToString(CultureInfo.InvariantCulture) + ".");
        }
    }
}
