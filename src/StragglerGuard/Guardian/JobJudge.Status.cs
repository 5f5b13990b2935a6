using StragglerGuard.Core;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;
using StragglerGuard.Telemetry;

namespace StragglerGuard.Guardian;

// What is known, for whoever asks.
internal sealed partial class JobJudge
{
    /// <summary>What the ranks of a complete job are called.</summary>
    public RankLabels[] Labels() => [.. _ranks.Select((rank, i) => new RankLabels(new Rank(i), rank!.DeviceClass, rank.Worker.Node))];

    /// <summary>What is known now.</summary>
    public JobStatus Status()
    {
        var ranks = new List<RankStatus>();
        AddStatusOf(first: 0, WorldSize, ranks);
        return StatusWithoutRanks() with { Ranks = ranks };
    }

    /// <summary>What is known now of some ranks in a row, as far as they have been heard of.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="most">How many, or as many as there are.</param>
    /// <param name="statuses">Where it is added.</param>
    public void AddStatusOf(int first, int most, List<RankStatus> statuses)
    {
        int end = Math.Min(WorldSize, first + most);
        for (int rank = first; rank < end; rank++)
        {
            if (_ranks[rank] is not null)
            {
                statuses.Add(StatusOf(rank));
            }
        }
    }

    /// <summary>What is known now of the job; of the ranks <see cref="StatusOf"/> tells one by one, as it takes its time.</summary>
    public JobStatus StatusWithoutRanks() => new()
    {
        Job = Job,
        Generation = Generation,
        Mode = _modes.At(Math.Max(0, _lastLag.Step)),
        FirstStep = _firstStep == long.MaxValue ? null : _firstStep,
        LastStep = _clock.LastStep,
        Epoch = EpochInForce,
        StepSeconds = _clock.StepSeconds,
        OverheadSeconds = _clock.OverheadSeconds,
        ExitSkewSeconds = _skew.SkewNs * 1e-9,
        Frames = _assembler.Counters,
        RecordsLost = _counts.Sum(counts => counts.Lost),
        RecordsTorn = _counts.Sum(counts => counts.Torn),
        SplitVotes = _counts.Max(counts => counts.SplitVotes),
        LatenessSeconds = _clock.SecondsBehind(_newestStartNs),
        TransferSeconds = _clock.LastStep < 0 ? null : _lastLag.TransferNs * 1e-9,
        Ranks = [],
        Verdicts = _verdicts.Raised,
        Changes = _changes.Seen,
        Plans = _plans.Statuses(),
        PlansDecided = _plans.Decided,
        PredictedGain = _loop?.PredictedGain,
        PolicyReason = _loop?.Reason ?? _policyReason,
    };

    /// <summary>What is known now of a rank that has been heard of.</summary>
    public RankStatus StatusOf(int rank)
    {
        // Before the first frame: what the ledger says.
        Verdict? standing = _verdicts.Standing(rank);
        double? slowdown = _detector is { Step: >= 0 } detector ? detector.StateOf(new Rank(rank)).Slowdown : standing?.Slowdown;
        LagSummary lag = _lagStatistics?.Summarize(new Rank(rank)) ?? default;
        return new RankStatus(
            new Rank(rank), _ranks[rank]!.Worker, _ranks[rank]!.DeviceClass,
            IsDealKnown ? _plans.InForce.Deal.MicroBatches[_numbers[rank]] : null,
            _speeds?.SecondsPerUnit(new Rank(rank)), lag.P50Ns * 1e-9, lag.P95Ns * 1e-9, lag.P99Ns * 1e-9, lag.LastShare,
            _isWaitKnown ? _waitCausedSeconds[rank] : null, slowdown, standing);
    }

    /// <summary>A generation is dealt what it began with, until other guardians' plans may be in force: then its first frame tells.</summary>
    private bool IsDealKnown => _loop is not null && (_clock.LastStep >= 0 || (!_isInMidst && _plans.Decided == 0));
}
