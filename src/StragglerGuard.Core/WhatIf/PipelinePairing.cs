namespace StragglerGuard.Core.WhatIf;

/// <summary>Matches every send and receive of a pipeline with the pass that it serves and with its peer in the next or previous stage.</summary>
/// <remarks>
/// Profilers record sends and receives that were never launched: at either end of the step, and, with interleaved chunks, before the first and behind
/// the last chunk of the model. They keep their place in their stream and wait for nobody.
/// </remarks>
internal sealed class PipelinePairing
{
    /// <summary>What is put down to the clock when starts and ends are compared.</summary>
    private const long ClockNs = 50_000;

    private static readonly OperationType[] Transfers =
    [
        OperationType.ForwardSend, OperationType.ForwardReceive, OperationType.BackwardSend, OperationType.BackwardReceive,
    ];

    private readonly ReferenceLane _lane;
    private readonly Dictionary<(int Stage, OperationType Type), List<int>> _launched = [];

    private PipelinePairing(ReferenceLane lane)
    {
        _lane = lane;
        PassOf = new int[lane.OperationCount];
        PeerOf = new int[lane.OperationCount];
        Array.Fill(PassOf, -1);
        Array.Fill(PeerOf, -1);
    }

    /// <summary>By operation: the pass that a send follows or a receive feeds; −1 where there is none.</summary>
    public int[] PassOf { get; }

    /// <summary>By operation: the receive of a send and the send of a receive; −1 where it was never launched.</summary>
    public int[] PeerOf { get; }

    /// <summary>Why the pairing is not to be trusted, or null.</summary>
    public string? Fault { get; private set; }

    public static PipelinePairing Of(ReferenceLane lane)
    {
        var pairing = new PipelinePairing(lane);
        for (int stage = 0; stage < lane.StageCount; stage++)
        {
            foreach (OperationType type in Transfers)
            {
                pairing.MatchPasses(stage, type);
            }
        }

        pairing.MatchPeers();
        return pairing;
    }

    private static bool IsSend(OperationType type) => type is OperationType.ForwardSend or OperationType.BackwardSend;

    private static bool IsForward(OperationType type) => type is OperationType.ForwardSend or OperationType.ForwardReceive;

    private static OperationType PeerTypeOf(OperationType type) => type switch
    {
        OperationType.ForwardSend => OperationType.ForwardReceive,
        OperationType.ForwardReceive => OperationType.ForwardSend,
        OperationType.BackwardSend => OperationType.BackwardReceive,
        _ => OperationType.BackwardSend,
    };

    /// <summary>+1 where the peer is the next chunk of the model, −1 where it is the previous one.</summary>
    private static int StrideOf(OperationType type) => IsForward(type) == IsSend(type) ? 1 : -1;

    private void MatchPasses(int stage, OperationType type)
    {
        OperationType passType = IsForward(type) ? OperationType.ForwardCompute : OperationType.BackwardCompute;
        List<int> passes = _lane.ByStart(stage, candidate => candidate == passType);
        List<int> transfers = _lane.ByStart(stage, candidate => candidate == type);
        if (passes.Count == 0 || transfers.Count == 0)
        {
            return;
        }

        long lastPassStartNs = passes.Max(_lane.StartNs);
        long firstPassEndNs = passes.Min(_lane.EndNs);
        bool sends = IsSend(type);
        List<int> within = transfers.FindAll(transfer => sends
            ? _lane.EndNs(transfer) >= firstPassEndNs - ClockNs
            : _lane.StartNs(transfer) <= lastPassStartNs + ClockNs);
        if (within.Count == 0)
        {
            return;
        }

        bool lacksFirst = within.Count == passes.Count - 1;
        bool isEdge = stage == 0 || stage == _lane.StageCount - 1;
        if (within.Count != passes.Count && !(lacksFirst && isEdge))
        {
            Fault ??= $"stage {stage} has {within.Count} {OperationTypes.NameOf(type)} for {passes.Count} {OperationTypes.NameOf(passType)}";
        }

        int sequence = lacksFirst && !sends ? 1 : 0;
        int modelChunks = _lane.ChunksPerStage() * _lane.StageCount;
        List<int> launched = [];
        foreach (int transfer in within)
        {
            int pass = _lane.Find(stage, passType, sequence++);
            if (pass < 0)
            {
                continue;
            }

            PassOf[transfer] = pass;
            int peerChunk = _lane.GlobalChunkOf(pass) + StrideOf(type);
            if (peerChunk >= 0 && peerChunk < modelChunks)
            {
                launched.Add(transfer);
            }
        }

        _launched[(stage, type)] = launched;
    }

    private void MatchPeers()
    {
        foreach (((int stage, OperationType type), List<int> sends) in _launched)
        {
            if (!IsSend(type))
            {
                continue;
            }

            int peerStage = (stage + StrideOf(type) + _lane.StageCount) % _lane.StageCount;
            OperationType peerType = PeerTypeOf(type);
            List<int> receives = _launched.GetValueOrDefault((peerStage, peerType)) ?? [];
            if (sends.Count != receives.Count)
            {
                Fault ??= $"stage {stage} launched {sends.Count} {OperationTypes.NameOf(type)}, "
                    + $"stage {peerStage} {receives.Count} {OperationTypes.NameOf(peerType)}";
            }

            for (int i = 0; i < Math.Min(sends.Count, receives.Count); i++)
            {
                PeerOf[sends[i]] = receives[i];
                PeerOf[receives[i]] = sends[i];
            }
        }
    }
}
