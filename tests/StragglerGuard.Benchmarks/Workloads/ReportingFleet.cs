using StragglerGuard.Core;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Fabric.Wire;
using StragglerGuard.Recording;

namespace StragglerGuard.Benchmarks.Workloads;

/// <summary>The nodes of a healthy fleet as their guardian hears of them: once a second a report of one step of every rank, as bytes.</summary>
/// <remarks>
/// A message is encoded once; from second to second only its records are written anew, in place, so that the fleet costs next to nothing
/// beside what is measured.
/// </remarks>
internal sealed class ReportingFleet
{
    /// <summary>Ranks of a node.</summary>
    public const int RanksPerNode = 8;

    private const int MicroBatchesPerRank = 8;
    private const double NsPerUnit = 115e6;
    private const long TransferNs = 400_000;
    private const long UpdateNs = 2_000_000;
    private const long SkewNs = 20_000;
    private const long ClockOffsetNs = 1_000_000_007;

    private readonly PaceNoise _noise = new();
    private readonly int _ranksPerJob;
    private readonly byte[][] _messages;
    private readonly int[] _recordOffsets;
    private readonly long[] _departureNs;
    private readonly StepTiming[][] _steps;
    private long _nextStep;

    /// <summary>Encodes every node's message once.</summary>
    /// <param name="jobs">Jobs, 1 or more, of as many ranks each.</param>
    /// <param name="ranksPerJob">A multiple of <see cref="RanksPerNode"/>.</param>
    public ReportingFleet(int jobs, int ranksPerJob)
    {
        _ranksPerJob = ranksPerJob;
        NodesPerJob = ranksPerJob / RanksPerNode;
        Jobs = jobs;
        _messages = new byte[jobs * NodesPerJob][];
        _recordOffsets = new int[jobs * ranksPerJob];
        _departureNs = new long[jobs];
        _steps = [new StepTiming[jobs * ranksPerJob], new StepTiming[jobs * ranksPerJob]];
        for (int node = 0; node < _messages.Length; node++)
        {
            _messages[node] = Encode(node);
        }
    }

    /// <summary>Jobs.</summary>
    public int Jobs { get; }

    /// <summary>Nodes of all jobs: messages in a second.</summary>
    public int Nodes => _messages.Length;

    /// <summary>The step that the messages tell of; −1 before the first <see cref="Advance"/>.</summary>
    public long Step => _nextStep - 1;

    private int NodesPerJob { get; }

    /// <summary>What a job is called.</summary>
    public static JobId JobOf(int job) => new($"pretraining-{job:D4}");

    /// <summary>A node's message of this second.</summary>
    public ReadOnlySpan<byte> Message(int node) => _messages[node];

    /// <summary>A node's message with what its ranks measured of their clocks' skew, before the first step.</summary>
    public byte[] SkewMessage(int node) => WireFormat.Encode(Report(node, rank => new StepTiming
    {
        Kind = TimingKind.SkewProbe,
        Rank = new Rank(rank),
        DepartureNs = (long)(SkewNs * _noise.Next()),
    }));

    /// <summary>Writes the next step of every job into the messages.</summary>
    public void Advance()
    {
        for (int job = 0; job < Jobs; job++)
        {
            TakeStep(job);
            for (int rank = 0; rank < _ranksPerJob; rank++)
            {
                int node = (job * NodesPerJob) + (rank / RanksPerNode);
                int offset = _recordOffsets[(job * _ranksPerJob) + rank];
                StepRecordLayout.Encode(1, in NextOf(job)[rank], _messages[node].AsSpan(offset, StepRecordLayout.RecordBytes));
            }
        }

        _nextStep++;
    }

    /// <summary>A node's report, as its agent holds it before it is encoded.</summary>
    /// <param name="node">0 … <see cref="Nodes"/> − 1.</param>
    /// <param name="timingOf">By rank of the job.</param>
    public NodeReport Report(int node, Func<int, StepTiming> timingOf)
    {
        int job = node / NodesPerJob;
        int first = (node % NodesPerJob) * RanksPerNode;
        return new NodeReport(
            NameOf(node), Sequence: 1L << 40, SentNs: 1L << 50,
            [.. Enumerable.Range(first, RanksPerNode).Select(rank => new RankReport(
                Enrollment(job, node, rank), new[] { timingOf(rank) }, Lost: 0, Torn: 0, SplitVotes: 0, Left: false))]);
    }

    private static NodeId NameOf(int node) => new($"rack-{node / 16:D4}-node-{node % 16:D2}");

    /// <summary>A node's records of this second, by rank; they stay as they are for one more.</summary>
    public ReadOnlyMemory<StepTiming> Timings(int node) =>
        _steps[(int)(Step & 1)].AsMemory(node * RanksPerNode, RanksPerNode);

    private Span<StepTiming> NextOf(int job) => _steps[(int)(_nextStep & 1)].AsSpan(job * _ranksPerJob, _ranksPerJob);

    private void TakeStep(int job)
    {
        Span<StepTiming> next = NextOf(job);
        long lastArrivalNs = 0;
        for (int rank = 0; rank < _ranksPerJob; rank++)
        {
            long startNs = _departureNs[job] + (long)(UpdateNs * _noise.Next());
            long computeNs = (long)(NsPerUnit * MicroBatchesPerRank * _noise.Next());
            lastArrivalNs = Math.Max(lastArrivalNs, startNs + computeNs);
            next[rank] = new StepTiming { StartNs = startNs, ComputeNs = computeNs };
        }

        _departureNs[job] = lastArrivalNs + TransferNs;
        for (int rank = 0; rank < _ranksPerJob; rank++)
        {
            // No two ranks' clocks agree.
            long offsetNs = rank * ClockOffsetNs;
            long startNs = next[rank].StartNs + offsetNs;
            long computeNs = next[rank].ComputeNs;
            next[rank] = new StepTiming
            {
                Step = _nextStep,
                Rank = new Rank(rank),
                StartNs = startNs,
                ComputeNs = computeNs,
                ArrivalNs = startNs + computeNs,
                DepartureNs = _departureNs[job] + offsetNs,
                WorkUnits = MicroBatchesPerRank,
                Weight = MicroBatchesPerRank,
            };
        }
    }

    private RankEnrollment Enrollment(int job, int node, int rank) => new(
        JobOf(job), new Generation(0), new Rank(rank), _ranksPerJob,
        new WorkerId(NameOf(node), $"GPU-{node:x8}-1f2e-4d3c-8b5a-{rank % RanksPerNode:x12}"), new DeviceClass("H100 SXM5 80GB"), Stage: 0,
        _ranksPerJob * MicroBatchesPerRank, MicroBatchesMin: 1, MicroBatchesMax: 2 * MicroBatchesPerRank);

    private byte[] Encode(int node)
    {
        // A record's sequence and check make its bytes its own, wherever it stands.
        int job = node / NodesPerJob;
        int first = (node % NodesPerJob) * RanksPerNode;
        byte[] message = WireFormat.Encode(Report(node, rank => new StepTiming { Rank = new Rank(rank), Step = long.MaxValue - rank }));
        Span<byte> record = stackalloc byte[StepRecordLayout.RecordBytes];
        for (int rank = first; rank < first + RanksPerNode; rank++)
        {
            StepRecordLayout.Encode(1, new StepTiming { Rank = new Rank(rank), Step = long.MaxValue - rank }, record);
            _recordOffsets[(job * _ranksPerJob) + rank] = message.AsSpan().IndexOf(record);
        }

        return message;
    }
}
