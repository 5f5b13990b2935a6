using System.Globalization;
using StragglerGuard.Core.Baselines;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Policy;

/// <summary>Decides whether another deal is worth it, from one input and nothing else: the same input, the same decision.</summary>
/// <remarks>
/// <para>A deal is proposed where its gain, as a share of the step time, is above max(<see cref="PolicyOptions.MinGain"/>,
/// <see cref="PolicyOptions.SwitchCostSeconds"/> ÷ <see cref="PolicyOptions.HorizonSteps"/> ÷ step time), and is no noise:</para>
/// <list type="bullet">
/// <item>replayed over the recent frames, the median gain of the new deal over the old must be above it too;</item>
/// <item>it must still be above it if every rank that gives work up were faster, and every rank that takes work on slower, than measured:
/// each by <see cref="PolicyOptions.GainSigmas"/>/√2 standard errors, so that a pair of them differs by as many standard errors of the
/// pair. The optimum is picked on the same samples that it is judged by, so some rank always looks slow: without this bound a job of
/// equals would be dealt anew every few hundred steps. σ of a rank's speed from step to step is 1.4826·MAD of its frames, at least that
/// of all ranks together and at least 0.2 %; the error of a median of k is 1.2533·σ/√k.</item>
/// </list>
/// <para>The brake knows no exception: with more than <see cref="PolicyOptions.BrakeShare"/> of the ranks flagged the verdicts stand
/// and the deal stays. Of two ranks one is not more than half.</para>
/// <para>A deal that was made while a verdict stood is taken back once none stands, provided that the step gets no slower by it.</para>
/// <para>The mode decides only whether a proposal is carried out. An instance keeps scratch memory and serves one caller at a
/// time.</para>
/// </remarks>
public sealed class RebalancePolicy
{
    /// <summary>1.4826 · (median of absolute deviations) estimates σ of normal noise.</summary>
    private const double SigmaPerDeviation = 1.4826;

    /// <summary>A median's standard error over that of a mean, for normal noise: √(π/2).</summary>
    private const double MedianErrorOverMean = 1.2533;

    /// <summary>A handful of frames may agree by luck.</summary>
    private const double SigmaMin = 0.002;

    /// <summary>Of the least gain: by how much a step may seem slower after going back to a former deal. Less is lost in the noise.</summary>
    private const double ReturnTolerance = 0.5;

    private readonly PolicyOptions _options;
    private readonly RebalancePlanner _planner = new();
    private double[] _complete = [];
    private double[] _deviations = [];
    private double[] _scratch = [];
    private double[] _sigmas = [];

    /// <summary>Makes a policy.</summary>
    /// <param name="options">Thresholds.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    /// <exception cref="ArgumentException">An option is out of its range; the message names every such option.</exception>
    public RebalancePolicy(PolicyOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.FindFaults() is { IsEmpty: false } faults)
        {
            throw new ArgumentException(string.Join("; ", faults), nameof(options));
        }

        _options = options;
    }

    /// <summary>Decides.</summary>
    /// <param name="input">n ranks, n = those of the deal in force.</param>
    /// <returns>Hold or propose, with the reason.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="input"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A list of the input has another length, or the common step time is not a finite number of 0 or more.
    /// </exception>
    public PolicyDecision Decide(PolicyInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        ThrowIfMalformed(input);
        if ((HoldWithoutSpeeds(input) ?? HoldForUnknown(input)) is { } hold)
        {
            return hold;
        }

        var frames = CollectCompleteFrames(input);
        if (frames < _options.EvidenceFrames)
        {
            return Hold(HoldCause.LittleEvidence, $"{frames} of {_options.EvidenceFrames} frames that a new deal must show its gain on");
        }

        var n = input.InForce.Ranks;
        var problem = new RebalanceProblem
        {
            FixedSeconds = input.FixedSeconds.IsEmpty ? new double[n] : input.FixedSeconds,
            SecondsPerUnit = input.SecondsPerUnit,
            Lowest = input.Lowest.IsEmpty ? Filled(n, input.InForce.Total >= n ? 1 : 0) : input.Lowest,
            Highest = input.Highest.IsEmpty ? Filled(n, int.MaxValue) : input.Highest,
            Current = input.InForce.MicroBatches.ToArray(),
            Total = input.InForce.Total,
        };
        return _planner.Solve(problem) switch
        {
            RebalanceOutcome.Solved solved when Weigh(input, problem, solved, frames) is var decision =>
                decision as PolicyDecision.Propose ?? Return(input, problem, solved, frames) ?? decision,
            var infeasible => new PolicyDecision.Hold(HoldCause.Infeasible, infeasible.Reason),
        };
    }

    /// <summary>What forbids a new deal whatever the speeds are: a large job's caller need not collect them then.</summary>
    /// <param name="input">Its lists of speeds are not looked at, and may be empty.</param>
    /// <returns>The same hold as <see cref="Decide"/> would give; null where the speeds decide.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="input"/> is null.</exception>
    public PolicyDecision.Hold? HoldWithoutSpeeds(PolicyInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.PendingPlan is { } pending)
        {
            return Hold(HoldCause.PlanPending, $"the plan of {pending} is not in force yet");
        }

        if (input.ObserverComplaint is { } complaint)
        {
            return Hold(HoldCause.ObserverUnwell, $"the guard distrusts its own view: {complaint}");
        }

        if (input.StepsSinceLastPlan is { } steps && steps < _options.CoolDownSteps)
        {
            return Hold(HoldCause.CoolDown, $"{steps} of {_options.CoolDownSteps} steps of cool-down since the last plan");
        }

        var n = input.InForce.Ranks;
        if (input.FlaggedRanks.Length > _options.BrakeShare * n)
        {
            var flagged = input.FlaggedRanks.Length;
            return Hold(HoldCause.Brake, $"{flagged} of {n} ranks are flagged, more than {_options.BrakeShare:P0}: the cause is common");
        }

        return null;
    }

    private static PolicyDecision.Hold? HoldForUnknown(PolicyInput input)
    {
        var n = input.InForce.Ranks;
        var unknown = 0;
        var first = -1;
        for (var rank = n - 1; rank >= 0; rank--)
        {
            if (double.IsNaN(input.SecondsPerUnit.Span[rank]))
            {
                unknown++;
                first = rank;
            }
        }

        return unknown switch
        {
            0 => null,
            1 => Hold(HoldCause.UnknownSpeed, $"the speed of rank {first} is unknown"),
            _ => Hold(HoldCause.UnknownSpeed, $"the speed of rank {first} and {unknown - 1} more is unknown"),
        };
    }

    /// <summary>
    /// A deal that a verdict asked for ends with the verdict, also where nothing is won by that: the rank that was relieved takes its
    /// share again, as long as the step gets no slower.
    /// </summary>
    private PolicyDecision.Propose? Return(PolicyInput input, RebalanceProblem problem, RebalanceOutcome.Solved best, int frames)
    {
        if (input.Former.IsEmpty || !input.FlaggedRanks.IsEmpty)
        {
            return null;
        }

        var a = problem.FixedSeconds.Span;
        var t = problem.SecondsPerUnit.Span;
        var before = problem.Current.Span;
        var after = input.Former.Span;
        var common = input.CommonStepSeconds;
        var current = common + RebalancePlanner.LongestOf(a, t, before);
        var predicted = common + RebalancePlanner.LongestOf(a, t, after);
        var tolerance = _options.MinGain * ReturnTolerance;
        if (predicted > current * (1 + tolerance) || ReplayedGain(a, before, after, frames, common) < -tolerance)
        {
            return null;
        }

        long moves = 0;
        for (var rank = 0; rank < after.Length; rank++)
        {
            moves += Math.Max(0, after[rank] - before[rank]);
        }

        var fraction = best.FractionalOptimumSeconds;
        return moves == 0 ? null : new PolicyDecision.Propose(
            [.. after], input.Mode == PolicyMode.Act, predicted, current, 1 - (predicted / current),
            fraction > 0 ? (predicted - common) / fraction : 1, moves,
            Say($"no verdict stands any more: back to the deal from before it, {moves} of {problem.Total} units, at {predicted:G4} s a step against {current:G4} s"))
        {
            IsReturn = true,
        };
    }

    private PolicyDecision Weigh(PolicyInput input, RebalanceProblem problem, RebalanceOutcome.Solved solved, int frames)
    {
        var a = problem.FixedSeconds.Span;
        var t = problem.SecondsPerUnit.Span;
        var before = problem.Current.Span;
        var after = solved.MicroBatches.AsSpan();
        var common = input.CommonStepSeconds;
        var current = common + RebalancePlanner.LongestOf(a, t, before);
        var predicted = common + solved.StepSeconds;
        if (current <= 0)
        {
            return Hold(HoldCause.LittleGain, $"there is no work to deal");
        }

        var gain = 1 - (predicted / current);
        var switchGain = _options.SwitchCostSeconds / _options.HorizonSteps / current;
        var threshold = Math.Max(_options.MinGain, switchGain);
        var needed = Say($"a new deal needs more than {threshold:P1}");
        if (gain <= threshold)
        {
            return Hold(
                HoldCause.LittleGain,
                $"the best deal takes {predicted:G4} s a step against {current:G4} s, a gain of {gain:P1}; {needed}");
        }

        MeasureNoise(t.Length, frames);
        var doubted = DoubtedGain(a, t, before, after, frames, common);
        if (doubted <= threshold)
        {
            return Hold(
                HoldCause.UncertainGain,
                $"of a gain of {gain:P1}, {_options.GainSigmas} standard errors over {frames} frames leave {doubted:P1}; {needed}");
        }

        var replayed = ReplayedGain(a, before, after, frames, common);
        if (replayed <= threshold)
        {
            return Hold(
                HoldCause.UncertainGain,
                $"a gain of {gain:P1} comes to {replayed:P1} (median) replayed over the last {frames} frames; {needed}");
        }

        var evidence = Say($"{replayed:P1} replayed over {frames} frames, {doubted:P1} at {_options.GainSigmas} standard errors");
        var reason = Say($"step {current:G4} s → {predicted:G4} s, a gain of {gain:P1} ({evidence}); {needed}; the integers cost {solved.IntegerCostRatio - 1:P1}; {solved.Moves} of {input.InForce.Total} units change hands");
        return new PolicyDecision.Propose(
            solved.MicroBatches, input.Mode == PolicyMode.Act, predicted, current, gain, solved.IntegerCostRatio, solved.Moves, reason);
    }

    /// <summary>
    /// Copies the frames in which every rank that holds work gave a sample. A rank without work has none to give: its estimate stands in.
    /// </summary>
    private int CollectCompleteFrames(PolicyInput input)
    {
        var recent = input.RecentSecondsPerUnit.Span;
        var estimates = input.SecondsPerUnit.Span;
        var n = estimates.Length;
        if (_complete.Length < recent.Length)
        {
            _complete = new double[recent.Length];
            _deviations = new double[recent.Length];
        }

        var rows = recent.Length / n;
        if (_scratch.Length < rows)
        {
            _scratch = new double[rows];
        }

        if (_sigmas.Length < n)
        {
            _sigmas = new double[n];
        }

        var kept = 0;
        for (var row = 0; row < rows; row++)
        {
            var complete = true;
            for (var rank = 0; rank < n && complete; rank++)
            {
                var sample = recent[(row * n) + rank];
                if (!(sample > 0 && double.IsFinite(sample)))
                {
                    complete = input.InForce.MicroBatches[rank] == 0;
                    sample = estimates[rank];
                }

                _complete[(kept * n) + rank] = sample;
            }

            if (complete)
            {
                kept++;
            }
        }

        return kept;
    }

    /// <summary>σ of each rank's seconds per unit, relative to its median, from the complete frames.</summary>
    private void MeasureNoise(int n, int frames)
    {
        var scratch = _scratch.AsSpan(0, frames);
        for (var rank = 0; rank < n; rank++)
        {
            for (var frame = 0; frame < frames; frame++)
            {
                scratch[frame] = _complete[(frame * n) + rank];
            }

            var median = OrderStatistics.Median(scratch);
            for (var frame = 0; frame < frames; frame++)
            {
                scratch[frame] = Math.Abs((_complete[(frame * n) + rank] / median) - 1);
            }

            scratch.CopyTo(_deviations.AsSpan(rank * frames));
            _sigmas[rank] = SigmaPerDeviation * OrderStatistics.Median(scratch);
        }

        var pooled = SigmaPerDeviation * OrderStatistics.Median(_deviations.AsSpan(0, n * frames));
        for (var rank = 0; rank < n; rank++)
        {
            _sigmas[rank] = Math.Max(_sigmas[rank], Math.Max(pooled, SigmaMin));
        }
    }

    /// <summary>The gain if the givers were faster and the takers slower than measured.</summary>
    private double DoubtedGain(
        ReadOnlySpan<double> a, ReadOnlySpan<double> t, ReadOnlySpan<int> before, ReadOnlySpan<int> after, int frames, double common)
    {
        var errors = _options.GainSigmas / Math.Sqrt(2) * MedianErrorOverMean / Math.Sqrt(frames);
        var doubted = _deviations.AsSpan(0, t.Length);
        for (var rank = 0; rank < t.Length; rank++)
        {
            doubted[rank] = t[rank] * Math.Max(0, 1 + (Math.Sign(after[rank] - before[rank]) * errors * _sigmas[rank]));
        }

        var longest = common + RebalancePlanner.LongestOf(a, doubted, before);
        return longest > 0 ? 1 - ((common + RebalancePlanner.LongestOf(a, doubted, after)) / longest) : 0;
    }

    private double ReplayedGain(ReadOnlySpan<double> a, ReadOnlySpan<int> before, ReadOnlySpan<int> after, int frames, double common)
    {
        var n = before.Length;
        var gains = _scratch.AsSpan(0, frames);
        for (var frame = 0; frame < frames; frame++)
        {
            var t = _complete.AsSpan(frame * n, n);
            gains[frame] = 1 - ((common + RebalancePlanner.LongestOf(a, t, after)) / (common + RebalancePlanner.LongestOf(a, t, before)));
        }

        return OrderStatistics.Median(gains);
    }

    private static void ThrowIfMalformed(PolicyInput input)
    {
        var n = input.InForce.Ranks;
        if (input.SecondsPerUnit.Length != n
            || (!input.FixedSeconds.IsEmpty && input.FixedSeconds.Length != n)
            || (!input.Lowest.IsEmpty && input.Lowest.Length != n)
            || (!input.Highest.IsEmpty && input.Highest.Length != n)
            || (!input.Former.IsEmpty && input.Former.Length != n)
            || input.RecentSecondsPerUnit.Length % n != 0)
        {
            throw new ArgumentException(
                $"The deal in force has {n} ranks; SecondsPerUnit has {input.SecondsPerUnit.Length} entries, "
                + $"FixedSeconds {input.FixedSeconds.Length}, Lowest {input.Lowest.Length}, Highest {input.Highest.Length}, Former {input.Former.Length}, "
                + $"RecentSecondsPerUnit {input.RecentSecondsPerUnit.Length}.",
                nameof(input));
        }

        if (!double.IsFinite(input.CommonStepSeconds) || input.CommonStepSeconds < 0)
        {
            throw new ArgumentException(
                $"CommonStepSeconds = {input.CommonStepSeconds} is not a finite number of 0 or more.", nameof(input));
        }
    }

    private static int[] Filled(int length, int value)
    {
        var filled = new int[length];
        Array.Fill(filled, value);
        return filled;
    }

    private static PolicyDecision.Hold Hold(HoldCause cause, FormattableString reason) => new(cause, Say(reason));

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
