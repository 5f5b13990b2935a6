namespace StragglerGuard.Core.Timing;

/// <summary>
/// One step of one membership, column by column: entry <c>i</c> of every column belongs to rank <c>i</c>.
/// </summary>
/// <remarks>
/// Lent by a <see cref="StepFrameAssembler"/> and reused: it is valid until the assembler's next
/// <see cref="StepFrameAssembler.TryTake"/> or <see cref="StepFrameAssembler.Release"/>. A rank that is not
/// <see cref="IsPresent(int)"/> is <em>unknown</em>: its entries are zero only because an array must hold something, and mean nothing.
/// </remarks>
public sealed class StepFrame
{
    private readonly bool[] _present;
    private readonly long[] _startNs;
    private readonly long[] _computeNs;
    private readonly long[] _dataWaitNs;
    private readonly long[] _arrivalNs;
    private readonly long[] _collectiveNs;
    private readonly int[] _workUnits;
    private readonly double[] _weight;
    private readonly double[] _feature;
    private readonly PlanEpoch[] _epoch;

    internal StepFrame(int ranks)
    {
        Ranks = ranks;
        _present = new bool[ranks];
        _startNs = new long[ranks];
        _computeNs = new long[ranks];
        _dataWaitNs = new long[ranks];
        _arrivalNs = new long[ranks];
        _collectiveNs = new long[ranks];
        _workUnits = new int[ranks];
        _weight = new double[ranks];
        _feature = new double[ranks];
        _epoch = new PlanEpoch[ranks];
    }

    /// <summary>The membership that took the step.</summary>
    public Generation Generation { get; private set; }

    /// <summary>The step, 0-based.</summary>
    public long Step { get; private set; }

    /// <summary>Ranks of the membership: the length of every column.</summary>
    public int Ranks { get; }

    /// <summary>How many ranks' records the frame holds.</summary>
    /// <value>1 … <see cref="Ranks"/>.</value>
    public int PresentCount { get; private set; }

    /// <summary>Whether every rank's record is there.</summary>
    public bool IsComplete => PresentCount == Ranks;

    /// <summary>Per rank: whether its record is there.</summary>
    public ReadOnlySpan<bool> Present => _present;

    /// <summary>Per rank: when the step began, ns of that rank's own clock.</summary>
    public ReadOnlySpan<long> StartNs => _startNs;

    /// <summary>Per rank: own work, ns.</summary>
    public ReadOnlySpan<long> ComputeNs => _computeNs;

    /// <summary>Per rank: time spent waiting for input, ns.</summary>
    public ReadOnlySpan<long> DataWaitNs => _dataWaitNs;

    /// <summary>Per rank: entry into the first collective, ns of that rank's own clock.</summary>
    public ReadOnlySpan<long> ArrivalNs => _arrivalNs;

    /// <summary>Per rank: time spent inside the first collective (d of the lag formula), ns.</summary>
    public ReadOnlySpan<long> CollectiveNs => _collectiveNs;

    /// <summary>Per rank: units of work done (micro-batches); 0 says nothing about the rank's speed.</summary>
    public ReadOnlySpan<int> WorkUnits => _workUnits;

    /// <summary>Per rank: the denominator of its loss (samples or tokens).</summary>
    public ReadOnlySpan<double> Weight => _weight;

    /// <summary>Per rank: what makes one step's work larger than another's; 0 where the runner gives none.</summary>
    public ReadOnlySpan<double> Feature => _feature;

    /// <summary>Per rank: the plan in force while the step ran.</summary>
    public ReadOnlySpan<PlanEpoch> Epoch => _epoch;

    /// <summary>Whether the rank's record is there.</summary>
    /// <param name="rank">0 … <see cref="Ranks"/> − 1.</param>
    /// <exception cref="IndexOutOfRangeException">The rank is out of range.</exception>
    public bool IsPresent(int rank) => _present[rank];

    /// <inheritdoc cref="IsPresent(int)"/>
    public bool IsPresent(Rank rank) => _present[rank.Value];

    internal void Open(Generation generation, long step)
    {
        Generation = generation;
        Step = step;
        PresentCount = 0;
        Array.Clear(_present);
        Array.Clear(_startNs);
        Array.Clear(_computeNs);
        Array.Clear(_dataWaitNs);
        Array.Clear(_arrivalNs);
        Array.Clear(_collectiveNs);
        Array.Clear(_workUnits);
        Array.Clear(_weight);
        Array.Clear(_feature);
        Array.Clear(_epoch);
    }

    internal void Put(in StepTiming timing)
    {
        int rank = timing.Rank.Value;
        _present[rank] = true;
        PresentCount++;
        _startNs[rank] = timing.StartNs;
        _computeNs[rank] = timing.ComputeNs;
        _dataWaitNs[rank] = timing.DataWaitNs;
        _arrivalNs[rank] = timing.ArrivalNs;
        _collectiveNs[rank] = timing.CollectiveNs;
        _workUnits[rank] = timing.WorkUnits;
        _weight[rank] = timing.Weight;
        _feature[rank] = timing.WorkloadFeature;
        _epoch[rank] = timing.Epoch;
    }
}
