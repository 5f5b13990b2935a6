using Google.Protobuf;
using StragglerGuard.AkkaCluster.Messages.Wire;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Guardian;

namespace StragglerGuard.AkkaCluster.Messages;

/// <summary>What is known of a job, field by field, as protobuf.</summary>
internal static class JobStatusFormat
{
    /// <summary>The generations before the present one that a job keeps have none of their own.</summary>
    private const int NestingMax = 2;

    /// <summary>Writes it.</summary>
    public static JobStatusMessage Write(JobStatus status)
    {
        var message = new JobStatusMessage
        {
            Job = status.Job.Value,
            Generation = status.Generation.Value,
            Mode = (int)status.Mode,
            LastStep = status.LastStep,
            Epoch = status.Epoch.Value,
            Frames = Write(status.Frames),
            RecordsLost = status.RecordsLost,
            RecordsTorn = status.RecordsTorn,
            SplitVotes = status.SplitVotes,
            PlansDecided = status.PlansDecided,
            PolicyReason = status.PolicyReason,
        };

        // A generated setter takes no null.
        if (status.FirstStep is { } first)
        {
            message.FirstStep = first;
        }

        if (status.StepSeconds is { } step)
        {
            message.StepSeconds = step;
        }

        if (status.OverheadSeconds is { } overhead)
        {
            message.OverheadSeconds = overhead;
        }

        if (status.ExitSkewSeconds is { } skew)
        {
            message.ExitSkewSeconds = skew;
        }

        if (status.LatenessSeconds is { } lateness)
        {
            message.LatenessSeconds = lateness;
        }

        if (status.TransferSeconds is { } transfer)
        {
            message.TransferSeconds = transfer;
        }

        if (status.PredictedGain is { } gain)
        {
            message.PredictedGain = gain;
        }

        message.Ranks.AddRange(status.Ranks.Select(Write));
        message.Verdicts.AddRange(status.Verdicts.Select(Write));
        message.Changes.AddRange(status.Changes.Select(Write));
        message.Plans.AddRange(status.Plans.Select(Write));
        message.Earlier.AddRange(status.Earlier.Select(Write));
        return message;
    }

    /// <summary>Reads it.</summary>
    /// <exception cref="FormatException">It is impossible; the message says where.</exception>
    public static JobStatus Read(JobStatusMessage message) => Read(message, NestingMax);

    private static JobStatus Read(JobStatusMessage message, int nesting)
    {
        if (nesting == 0)
        {
            throw new FormatException("status.earlier: a generation before the one before");
        }

        return new JobStatus
        {
            Job = new JobId(message.Job),
            Generation = new Generation(message.Generation),
            Mode = Known<PolicyMode>(message.Mode, "status.mode"),
            FirstStep = message.HasFirstStep ? message.FirstStep : null,
            LastStep = message.LastStep,
            Epoch = new PlanEpoch(message.Epoch),
            StepSeconds = message.HasStepSeconds ? message.StepSeconds : null,
            OverheadSeconds = message.HasOverheadSeconds ? message.OverheadSeconds : null,
            ExitSkewSeconds = message.HasExitSkewSeconds ? message.ExitSkewSeconds : null,
            Frames = Read(message.Frames ?? new FrameCountersMessage()),
            RecordsLost = message.RecordsLost,
            RecordsTorn = message.RecordsTorn,
            SplitVotes = message.SplitVotes,
            LatenessSeconds = message.HasLatenessSeconds ? message.LatenessSeconds : null,
            TransferSeconds = message.HasTransferSeconds ? message.TransferSeconds : null,
            Ranks = [.. message.Ranks.Select(Read)],
            Verdicts = [.. message.Verdicts.Select(Read)],
            Changes = [.. message.Changes.Select(Read)],
            Plans = [.. message.Plans.Select(Read)],
            PlansDecided = message.PlansDecided,
            PredictedGain = message.HasPredictedGain ? message.PredictedGain : null,
            Earlier = [.. message.Earlier.Select(earlier => Read(earlier, nesting - 1))],
            PolicyReason = message.PolicyReason,
        };
    }

    private static FrameCountersMessage Write(FrameCounters frames) => new()
    {
        Accepted = frames.Accepted,
        Duplicates = frames.Duplicates,
        Late = frames.Late,
        OtherGeneration = frames.OtherGeneration,
        UnknownRank = frames.UnknownRank,
        Invalid = frames.Invalid,
        OtherKind = frames.OtherKind,
        OutOfOrder = frames.OutOfOrder,
        Missing = frames.Missing,
        CompleteFrames = frames.CompleteFrames,
        IncompleteFrames = frames.IncompleteFrames,
    };

    private static FrameCounters Read(FrameCountersMessage frames) => new()
    {
        Accepted = frames.Accepted,
        Duplicates = frames.Duplicates,
        Late = frames.Late,
        OtherGeneration = frames.OtherGeneration,
        UnknownRank = frames.UnknownRank,
        Invalid = frames.Invalid,
        OtherKind = frames.OtherKind,
        OutOfOrder = frames.OutOfOrder,
        Missing = frames.Missing,
        CompleteFrames = frames.CompleteFrames,
        IncompleteFrames = frames.IncompleteFrames,
    };

    private static RankStatusMessage Write(RankStatus rank)
    {
        var message = new RankStatusMessage
        {
            Rank = rank.Rank.Value,
            Node = rank.Worker.Node.Value,
            DeviceUuid = rank.Worker.DeviceUuid,
            DeviceClass = rank.DeviceClass.Name,
            Verdict = rank.Verdict is { } verdict ? Write(verdict) : null,
        };
        if (rank.MicroBatches is { } microBatches)
        {
            message.MicroBatches = microBatches;
        }

        if (rank.WaitCausedSeconds is { } wait)
        {
            message.WaitCausedSeconds = wait;
        }

        if (rank.SecondsPerMicroBatch is { } seconds)
        {
            message.SecondsPerMicroBatch = seconds;
        }

        if (rank.LagP50Seconds is { } p50)
        {
            message.LagP50Seconds = p50;
        }

        if (rank.LagP95Seconds is { } p95)
        {
            message.LagP95Seconds = p95;
        }

        if (rank.LagP99Seconds is { } p99)
        {
            message.LagP99Seconds = p99;
        }

        if (rank.LastShare is { } share)
        {
            message.LastShare = share;
        }

        if (rank.Slowdown is { } slowdown)
        {
            message.Slowdown = slowdown;
        }

        return message;
    }

    private static RankStatus Read(RankStatusMessage rank) => new(
        new Rank(rank.Rank), new WorkerId(new NodeId(rank.Node), rank.DeviceUuid), new DeviceClass(rank.DeviceClass),
        rank.HasMicroBatches ? rank.MicroBatches : null,
        rank.HasSecondsPerMicroBatch ? rank.SecondsPerMicroBatch : null,
        rank.HasLagP50Seconds ? rank.LagP50Seconds : null,
        rank.HasLagP95Seconds ? rank.LagP95Seconds : null,
        rank.HasLagP99Seconds ? rank.LagP99Seconds : null,
        rank.HasLastShare ? rank.LastShare : null,
        rank.HasWaitCausedSeconds ? rank.WaitCausedSeconds : null,
        rank.HasSlowdown ? rank.Slowdown : null,
        rank.Verdict is { } verdict ? Read(verdict) : null);

    private static VerdictMessage Write(Verdict verdict)
    {
        var message = new VerdictMessage
        {
            Kind = (int)verdict.Kind,
            OnsetStep = verdict.OnsetStep,
            RaisedAtStep = verdict.RaisedAtStep,
            Slowdown = verdict.Slowdown,
            Cause = (int)verdict.Cause,
            Reason = verdict.Reason,
            Confidence = verdict.Confidence,
            Residual = verdict.Evidence.Residual,
            OwnShift = verdict.Evidence.OwnShift,
            Sigma = verdict.Evidence.Sigma,
            Threshold = verdict.Evidence.Threshold,
            RanksCompared = verdict.Evidence.RanksCompared,
        };
        message.Peers.AddRange((verdict.Evidence.Peers ?? []).Select(peer => peer.Value));
        if (verdict.Rank is { } rank)
        {
            message.Rank = rank.Value;
        }

        if (verdict.Culprit.Rank is { } culprit)
        {
            message.CulpritRank = culprit.Value;
        }

        if (verdict.Culprit.Replica is { } replica)
        {
            message.CulpritReplica = replica;
        }

        if (verdict.Culprit.Stage is { } stage)
        {
            message.CulpritStage = stage;
        }

        if (verdict.Culprit.Node is { } node)
        {
            message.CulpritNode = node.Value;
        }

        return message;
    }

    private static Verdict Read(VerdictMessage verdict) => new(
        verdict.HasRank ? new Rank(verdict.Rank) : null, Known<VerdictKind>(verdict.Kind, "verdict.kind"), verdict.OnsetStep,
        verdict.RaisedAtStep, verdict.Slowdown, Known<Cause>(verdict.Cause, "verdict.cause"), verdict.Reason)
    {
        Confidence = verdict.Confidence,
        Culprit = new Culprit(
            verdict.HasCulpritRank ? new Rank(verdict.CulpritRank) : null,
            verdict.HasCulpritReplica ? verdict.CulpritReplica : null,
            verdict.HasCulpritStage ? verdict.CulpritStage : null,
            verdict.HasCulpritNode ? new NodeId(verdict.CulpritNode) : null),
        Evidence = new VerdictEvidence(verdict.Residual, verdict.OwnShift, verdict.Sigma, verdict.Threshold, verdict.RanksCompared)
        {
            Peers = verdict.Peers.Count == 0 ? null : [.. verdict.Peers.Select(peer => new Rank(peer))],
        },
    };

    private static JobChangeMessage Write(JobChange change)
    {
        var message = new JobChangeMessage { Step = change.Step, RaisedAtStep = change.RaisedAtStep, Ratio = change.Ratio };
        if (change.Rank is { } rank)
        {
            message.Rank = rank.Value;
        }

        return message;
    }

    private static JobChange Read(JobChangeMessage change) =>
        new(change.HasRank ? new Rank(change.Rank) : null, change.Step, change.RaisedAtStep, change.Ratio);

    private static PlanStatusMessage Write(PlanStatus plan)
    {
        byte[] bytes = new byte[plan.Plan.EncodedLength];
        plan.Plan.Write(bytes);
        var message = new PlanStatusMessage
        {
            Kind = (int)plan.Kind,
            Plan = UnsafeByteOperations.UnsafeWrap(bytes),
            DecidedAtStep = plan.DecidedAtStep,
            PredictedStepSeconds = plan.PredictedStepSeconds,
            Reason = plan.Reason,
        };
        if (plan.EffectiveStep is { } effective)
        {
            message.EffectiveStep = effective;
        }

        if (plan.RealisedStepSeconds is { } realised)
        {
            message.RealisedStepSeconds = realised;
        }

        if (plan.InForceByStep is { } by)
        {
            message.InForceByStep = by;
        }

        if (plan.RealisedGain is { } gain)
        {
            message.RealisedGain = gain;
        }

        return message;
    }

    private static PlanStatus Read(PlanStatusMessage plan) => JobPlan.TryRead(plan.Plan.Span, out JobPlan? read, out string reason)
        ? new PlanStatus(
            Known<MitigationKind>(plan.Kind, "plan.kind"), read, plan.DecidedAtStep, plan.HasEffectiveStep ? plan.EffectiveStep : null,
            plan.PredictedStepSeconds, plan.HasRealisedStepSeconds ? plan.RealisedStepSeconds : null, plan.Reason)
        {
            InForceByStep = plan.HasInForceByStep ? plan.InForceByStep : null,
            RealisedGain = plan.HasRealisedGain ? plan.RealisedGain : null,
        }
        : throw new FormatException($"status.plans: {reason}");

    /// <summary>A number that stands for one of the names that this program knows.</summary>
    /// <exception cref="FormatException">It stands for none.</exception>
    public static T Known<T>(int number, string field)
        where T : struct, Enum
    {
        var value = (T)Enum.ToObject(typeof(T), number);
        return Enum.IsDefined(value) ? value : throw new FormatException(FormattableString.Invariant($"{field}: {number} is not known here"));
    }
}
