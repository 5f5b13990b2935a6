using System.Collections.Immutable;
using System.Globalization;

namespace StragglerGuard.Core.Policy;

/// <summary>Decides which action, if any, is taken against what slows a job down, from one input and nothing else.</summary>
/// <remarks>
/// <para>Every candidate is put to the rules in the order of <see cref="RefusalCause"/>; the first that objects is named, with its numbers. Among those
/// left the choice climbs a ladder: rebalance, deadline, backup workers, readmission, eviction, restart. A higher rung is taken only where it beats the
/// lower by more than max(<see cref="MitigationOptions.MinGain"/>, extra cost ÷ <see cref="MitigationOptions.HorizonSeconds"/>); the same margin
/// separates any action from doing nothing, so what is done is not undone for less.</para>
/// <para>When to climb is ski-rental (Karlin, Manasse, Rudolph &amp; Sleator, "Competitive snoopy caching", 1988): an action that costs C once is taken
/// when the time it would have given back since the onset, <see cref="MitigationCandidate.ForgoneSeconds"/>, has reached C. However long the straggler
/// turns out to last, the time lost to it and to the action is then at most twice what it would have been had that been known beforehand. With
/// a ladder of actions the time lost to stragglers does not exceed the optimum (but for what <see cref="MitigationOptions.MinGain"/> leaves alone), and
/// no action costs more than it: three times the optimum in all where each action costs twice the one below it.</para>
/// <para>A hung replica stops the job: an action that is to end the hang waits neither for a pending plan nor for a cool-down, which only steps could
/// end, and needs no gate. All other rules apply to it. A restart that leaves nobody out accuses nobody: it needs no gate either, and counts as one
/// eviction.</para>
/// <para>The mode decides only whether a proposal is carried out.</para>
/// </remarks>
public sealed class MitigationPolicy
{
    private readonly MitigationRules _rules;

    /// <summary>Makes a policy.</summary>
    /// <param name="options">Thresholds.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    /// <exception cref="ArgumentException">An option is out of its range; the message names every such option.</exception>
    public MitigationPolicy(MitigationOptions options)
    {
        MitigationOptions.ThrowIfFaulty(options);
        _rules = new MitigationRules(options);
    }

    /// <summary>Decides.</summary>
    /// <param name="input">What is known.</param>
    /// <returns>Hold or propose, with the reason, and a reason for every candidate that is not taken.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="input"/> is null.</exception>
    /// <exception cref="ArgumentException">The input has a number out of its range or a list that is missing; the message names it.</exception>
    public MitigationDecision Decide(MitigationInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        MitigationInputCheck.ThrowIfMalformed(input);
        var refusals = new MitigationRefusal?[input.Candidates.Length];
        var eligible = new List<int>();
        for (var i = 0; i < refusals.Length; i++)
        {
            refusals[i] = _rules.Refuse(input, input.Candidates[i]);
            if (refusals[i] is null)
            {
                eligible.Add(i);
            }
        }

        if (eligible.Count == 0)
        {
            return Hold(input, [.. refusals!]);
        }

        var taken = Choose(input.Candidates, eligible);
        var candidate = input.Candidates[taken];
        foreach (var other in eligible.Where(other => other != taken))
        {
            refusals[other] = Outdo(input.Candidates[other], candidate);
        }

        return new MitigationDecision.Propose(
            candidate,
            input.Mode == PolicyMode.Act,
            _rules.Commend(input, candidate),
            [.. refusals.Where(refusal => refusal is not null).Select(refusal => refusal!)]);
    }

    private MitigationDecision.Hold Hold(MitigationInput input, ImmutableArray<MitigationRefusal> refusals)
    {
        if (refusals.IsEmpty)
        {
            return _rules.HoldAll(input, standsStill: false) is { } hold
                ? new MitigationDecision.Hold(hold.Cause, hold.Reason, [])
                : new MitigationDecision.Hold(RefusalCause.NoCandidate, "no planner offers anything to do", []);
        }

        var best = 0;
        for (var i = 1; i < refusals.Length; i++)
        {
            if (input.Candidates[i].Prediction.SamplesPerSecondRatio > input.Candidates[best].Prediction.SamplesPerSecondRatio)
            {
                best = i;
            }
        }

        var rest = refusals.Length == 1 ? "" : Say($" ({refusals.Length - 1} more refused)");
        return new MitigationDecision.Hold(refusals[best].Cause, refusals[best].Reason + rest, refusals);
    }

    /// <summary>Climbs the ladder: each higher rung has to be worth more than the one it would replace.</summary>
    private int Choose(ImmutableArray<MitigationCandidate> candidates, List<int> eligible)
    {
        var ladder = eligible.OrderBy(i => MitigationWords.Rung(candidates[i].Kind)).ThenBy(i => candidates[i].OneOffCostSeconds).ToList();
        var taken = ladder[0];
        foreach (var next in ladder.Skip(1))
        {
            if (Advantage(candidates[next], candidates[taken]) > NeededOver(candidates[next], candidates[taken]))
            {
                taken = next;
            }
        }

        return taken;
    }

    private MitigationRefusal Outdo(MitigationCandidate other, MitigationCandidate taken)
    {
        var advantage = Advantage(other, taken);
        var over = advantage > 0
            ? Say($"wins {advantage:P1} over {MitigationWords.Of(taken)}, which is gentler, and would need more than {NeededOver(other, taken):P1}")
            : Say($"wins no more than {MitigationWords.Of(taken)} ({other.Prediction.Gain:P1} against {taken.Prediction.Gain:P1})");
        return new MitigationRefusal(other.Kind, other.Replicas, RefusalCause.BetterChoice, $"{MitigationWords.Of(other)} {over}");
    }

    /// <summary>What the one gains over the other; NaN, which beats nothing, where both set a standing job in motion.</summary>
    private static double Advantage(MitigationCandidate one, MitigationCandidate other) =>
        1 - (other.Prediction.SamplesPerSecondRatio / one.Prediction.SamplesPerSecondRatio);

    private double NeededOver(MitigationCandidate one, MitigationCandidate other) =>
        _rules.NeededGain(Math.Max(0, one.OneOffCostSeconds - other.OneOffCostSeconds));

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
