using Akka.Actor;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Ledger;

namespace StragglerGuard.AkkaCluster.Tests.Messages;

/// <summary>Questions and answers as examples.</summary>
internal static class ControlExamples
{
    public static readonly JobId Job = new("llm-7b ü");

    private static readonly Verdict Found = new(
        new Rank(3), VerdictKind.PersistentSlowness, 30, 39, 1.7, Cause.Compute, "rank 3 takes 1.70 times as long")
    {
        Confidence = 0.98,
        Culprit = new Culprit(new Rank(3), 1, 2, new NodeId("n7")),
        Evidence = new VerdictEvidence(0.53, double.NaN, 0.02, 0.1, 7) { Peers = [new Rank(0), new Rank(1)] },
    };

    private static readonly Verdict OfTheJob = new(
        null, VerdictKind.GroupSlowdown, 30, 39, double.PositiveInfinity, Cause.Unknown, "all of them") { Culprit = new Culprit(Stage: 0) };

    /// <summary>Every field has a value of its own.</summary>
    public static JobStatus Status => Unknown with
    {
        Generation = new Generation(2),
        Mode = PolicyMode.Act,
        FirstStep = 31,
        LastStep = 41,
        Epoch = new PlanEpoch(12),
        StepSeconds = 0.25,
        OverheadSeconds = 0.01,
        ExitSkewSeconds = 0.002,
        Frames = new FrameCounters
        {
            Accepted = 1, Duplicates = 2, Late = 3, OtherGeneration = 4, UnknownRank = 5, Invalid = 6, OtherKind = 7, OutOfOrder = 8, Missing = 9,
            CompleteFrames = 10, IncompleteFrames = 11,
        },
        RecordsLost = 21,
        RecordsTorn = 22,
        SplitVotes = 23,
        LatenessSeconds = 0.5,
        TransferSeconds = 0.003,
        Ranks =
        [
            new RankStatus(
                new Rank(3), new WorkerId(new NodeId("n7"), "GPU-3"), new DeviceClass("H100"), 8, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.7, Found),
            new RankStatus(new Rank(0), new WorkerId(new NodeId("n0"), "GPU-0"), new DeviceClass("H200"), null, null, null, null, null, null, null, null, null),
            new RankStatus(new Rank(1), new WorkerId(new NodeId("n0"), "GPU-1"), new DeviceClass("H200"), 4, 0, 0, 0, 0, 0, 0, double.NaN, OfTheJob),
        ],
        Verdicts = [Found, OfTheJob],
        Changes = [new JobChange(new Rank(3), 30, 39, 1.7), new JobChange(null, 31, 40, 0.5)],
        Plans =
        [
            new PlanStatus(
                MitigationKind.Deadline, new JobPlan(new PlanEpoch(12), new Generation(3), [4, -1, 0], 1_500_000_000, 1), 40, 43, 0.4, 0.45, "why")
            {
                InForceByStep = 44,
                RealisedGain = 1.25,
            },
            new PlanStatus(MitigationKind.Rebalance, new JobPlan(new PlanEpoch(13), default, [1, 2, 3]), 41, null, double.NaN, null, ""),
        ],
        PlansDecided = 24,
        PredictedGain = 0.15,
        Earlier = [Unknown with { Generation = new Generation(1), LastStep = 30 }],
        PolicyReason = "the brake is on",
    };

    /// <summary>Nothing is known but that there is a job.</summary>
    public static JobStatus Unknown => new()
    {
        Job = Job,
        Generation = default,
        Mode = PolicyMode.Observe,
        LastStep = -1,
        Epoch = default,
        StepSeconds = null,
        OverheadSeconds = null,
        ExitSkewSeconds = null,
        Frames = default,
        RecordsLost = 0,
        RecordsTorn = 0,
        SplitVotes = 0,
        LatenessSeconds = null,
        TransferSeconds = null,
        Ranks = [],
        Verdicts = [],
        Changes = [],
        Plans = [],
        PlansDecided = 0,
        PredictedGain = null,
        PolicyReason = "",
    };

    /// <summary>One decision of every kind that a program knows, and one that a newer one wrote.</summary>
    public static IReadOnlyList<LedgerEntry> Entries { get; } =
    [
        .. typeof(LedgerDecision).Assembly.GetTypes()
            .Where(type => type.BaseType == typeof(LedgerDecision) && type != typeof(UnreadDecision))
            .OrderBy(type => type.Name, StringComparer.Ordinal)
            .Select((type, index) => new LedgerEntry(
                index + 1, new DateTimeOffset(2026, 3, 4, 5, 6, 7, 890, TimeSpan.Zero).AddMicroseconds(index), SampleDecisions.Of(type))),
    ];

    public static IFabricMessage[] All(IActorRef replyTo) =>
    [
        new StatusQuestion(1, replyTo, Job), new EndQuestion(2, replyTo, Job), 
        new ModeOrder(3, replyTo, Job, PolicyMode.Advise, 17, "by hand", new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero), "a5"),
        new DecisionsQuestion(4, replyTo, 9), new DecisionsQuestion(5, replyTo, null), new DecisionsQuestion(6, replyTo, 0),
        new StatusTold(7, "guardian-1#7", Status), new StatusTold(8, "guardian-1#7", Unknown), new StatusTold(9, "guardian-1#7", null),
        new ModeSet(10, "guardian-1#7"), new EndTold(11, "guardian-1#7", true), new EndTold(12, "guardian-1#7", false),
        new DecisionsTold(13, "guardian-1#7", 40, Entries), new ControlRefused(14, "guardian-1#7", true, "why"),
    ];

    /// <summary>Two answers say the same.</summary>
    public static bool Same(ControlAnswer left, ControlAnswer right)
    {
        try
        {
            right.Should().BeOfType(left.GetType());
            right.Should().BeEquivalentTo(left, options => options.WithStrictOrdering().RespectingRuntimeTypes());
            return true;
        }
        catch (Exception difference) when (difference.GetType().Namespace == "Xunit.Sdk")
        {
            return false;
        }
    }
}
