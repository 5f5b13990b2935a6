namespace StragglerGuard.Core.Timing;

/// <summary>Joins the timing records of all ranks into step frames and hands the frames out in the order of their steps.</summary>
/// <remarks>
/// <para>The records of one rank come in order, those of different ranks interleave freely, and any may be lost. A frame closes as soon as
/// it is complete; or when every rank that it lacks has already reported a later step, so that the record is never coming; or when it is
/// the horizon behind the newest step; or on <see cref="Flush"/>. Who begins in the midst of a job hears the backlog of one agent after the
/// other: see <see cref="BeginCatchUp"/>. A rank that a frame lacks is unknown and counted as
/// <see cref="FrameCounters.Missing"/>, never taken as zero. Steps of which no rank's record came are not handed out, but count as missing.</para>
/// <para>Take frames until there are none after every record, or every batch of records: frames are reused, and no memory is allocated once as many
/// exist as were ever open at the same time. After a catch-up no more are kept than the horizon needs. One thread at a time.</para>
/// </remarks>
public sealed class StepFrameAssembler
{
    private const long NoStep = -1;

    private readonly long[] _lastStep;
    private readonly List<StepFrame> _open;
    private readonly Stack<StepFrame> _free;
    private StepFrame? _lent;
    private long _newestStep = NoStep;
    private long _closedThrough = NoStep;
    private long _flushThrough = NoStep;
    private int _catchUpSteps;
    private int _behind;

    // Ranks whose newest step is before that of the oldest open frame: while there are none, that frame's absent ranks have all moved on.
    private int _ranksBehindHead;

    private long _accepted;
    private long _duplicates;
    private long _late;
    private long _otherGeneration;
    private long _unknownRank;
    private long _invalid;
    private long _otherKind;
    private long _outOfOrder;
    private long _missing;
    private long _completeFrames;
    private long _incompleteFrames;

    /// <summary>Begins with no frame open.</summary>
    /// <param name="ranks">Ranks of the membership, 1 or more.</param>
    /// <param name="generation">The membership; records of any other are refused.</param>
    /// <param name="horizonSteps">How many steps a frame may fall behind the newest step before it is closed as it is, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1.</exception>
    public StepFrameAssembler(int ranks, Generation generation, int horizonSteps = 64)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(horizonSteps, 1);
        Ranks = ranks;
        Generation = generation;
        HorizonSteps = horizonSteps;
        _lastStep = new long[ranks];
        Array.Fill(_lastStep, NoStep);
        _open = new List<StepFrame>(horizonSteps + 1);
        _free = new Stack<StepFrame>(FramesKept);
    }

    /// <summary>Ranks of the membership.</summary>
    public int Ranks { get; }

    /// <summary>The membership.</summary>
    public Generation Generation { get; }

    /// <summary>How many steps a frame may fall behind the newest step before it is closed as it is.</summary>
    public int HorizonSteps { get; }

    /// <summary>Whether frames wait for ranks that are further behind than the horizon: see <see cref="BeginCatchUp"/>.</summary>
    public bool IsCatchingUp => _catchUpSteps > 0;

    /// <summary>How many steps a frame may fall behind the newest step, whatever the horizon is: less than that, where so many frames would take too
    /// much memory.</summary>
    /// <value>1 or more; default <see cref="int.MaxValue"/>: the horizon, or that of catching up, alone.</value>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public int StepsBehindMax
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            field = value;
        }
    } = int.MaxValue;

    /// <summary>
    /// How many frames may be open at the same time if frames are taken as soon as there are more, or after so many steps: the steps that one may fall
    /// behind, and a quarter of the horizon for the records that are added between two takings.
    /// </summary>
    public int OpenFramesMax => StepsBehind + BatchSteps;

    /// <summary>How many steps records may be added of, of all ranks alike, before frames are to be taken.</summary>
    public int BatchSteps => Math.Max(1, Math.Min(HorizonSteps, StepsBehind) / 4);

    /// <summary>
    /// Records so far that were further behind the newest step than the horizon when they came. While they become more, who is late is catching up.
    /// </summary>
    public long BacklogRecords { get; private set; }

    /// <summary>Frames that are kept for use while none is open.</summary>
    internal int FreeFrames => _free.Count;

    /// <summary>Frames begun and not yet handed out.</summary>
    public int OpenFrames => _open.Count;

    /// <summary>What was seen so far.</summary>
    public FrameCounters Counters => new()
    {
        Accepted = _accepted,
        Duplicates = _duplicates,
        Late = _late,
        OtherGeneration = _otherGeneration,
        UnknownRank = _unknownRank,
        Invalid = _invalid,
        OtherKind = _otherKind,
        OutOfOrder = _outOfOrder,
        Missing = _missing,
        CompleteFrames = _completeFrames,
        IncompleteFrames = _incompleteFrames,
    };

    /// <summary>Offers one record.</summary>
    /// <returns>What became of it; every refusal is counted in <see cref="Counters"/>.</returns>
    public FrameAdmission Add(in StepTiming timing)
    {
        FrameAdmission admission = Admit(in timing);
        switch (admission)
        {
            case FrameAdmission.Accepted: _accepted++; break;
            case FrameAdmission.Duplicate: _duplicates++; break;
            case FrameAdmission.Late: _late++; break;
            case FrameAdmission.OtherGeneration: _otherGeneration++; break;
            case FrameAdmission.UnknownRank: _unknownRank++; break;
            case FrameAdmission.OtherKind: _otherKind++; break;
            default: _invalid++; break;
        }

        return admission;
    }

    /// <summary>Hands out the oldest frame if it has closed. Ends the loan of the frame taken before, whatever the answer.</summary>
    /// <param name="frame">The frame, valid until the next call or <see cref="Release"/>; null where there is none.</param>
    public bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out StepFrame? frame)
    {
        Release();
        if (IsCatchingUp && HaveAllCaughtUp())
        {
            EndCatchUp();
        }

        if (_open.Count == 0 || !HeadIsClosed(_open[0].Step))
        {
            frame = null;
            return false;
        }

        frame = _open[0];
        _open.RemoveAt(0);
        _lent = frame;
        long skippedSteps = _closedThrough == NoStep ? 0 : frame.Step - _closedThrough - 1;
        _missing += (skippedSteps * Ranks) + (Ranks - frame.PresentCount);
        if (frame.IsComplete)
        {
            _completeFrames++;
        }
        else
        {
            _incompleteFrames++;
        }

        _closedThrough = frame.Step;
        CountRanksBehindHead();
        return true;
    }

    /// <summary>
    /// Widens the horizon until every rank is within it, or <see cref="EndCatchUp"/>: the ranks' backlogs come one after the other, and the
    /// horizon would close the frames of the first without the others.
    /// </summary>
    /// <param name="stepsMax">How many steps a frame may fall behind meanwhile; the horizon where that is more.</param>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public void BeginCatchUp(int stepsMax)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stepsMax, 1);
        _catchUpSteps = Math.Max(stepsMax, HorizonSteps);
    }

    /// <summary>Goes back to the horizon: whoever is still behind it is missing.</summary>
    public void EndCatchUp()
    {
        _catchUpSteps = 0;
        while (_free.Count > FramesKept)
        {
            _free.Pop();
        }

        _free.TrimExcess(FramesKept);
    }

    /// <summary>Ends the loan of the frame that was taken last, if any.</summary>
    public void Release()
    {
        if (_lent is null)
        {
            return;
        }

        if (IsCatchingUp || _free.Count < FramesKept)
        {
            _free.Push(_lent);
        }

        _lent = null;
    }

    /// <summary>Closes every open frame as it is (end of the job); take them with <see cref="TryTake"/>.</summary>
    public void Flush() => _flushThrough = _newestStep;

    private FrameAdmission Admit(in StepTiming timing)
    {
        FrameAdmission judged = TimingValidation.Judge(in timing, Generation, Ranks, TimingKind.Step);
        if (judged != FrameAdmission.Accepted)
        {
            return judged;
        }

        int rank = timing.Rank.Value;
        long step = timing.Step;
        long lastStep = _lastStep[rank];
        if (step == lastStep)
        {
            return FrameAdmission.Duplicate;
        }

        int index = IndexOf(step);
        bool isOpen = index < _open.Count && _open[index].Step == step;
        if (isOpen && _open[index].IsPresent(rank))
        {
            return FrameAdmission.Duplicate;
        }

        if (step < lastStep)
        {
            _outOfOrder++;
        }

        if (step <= _closedThrough)
        {
            return FrameAdmission.Late;
        }

        if (!isOpen)
        {
            StepFrame opened = _free.Count > 0 ? _free.Pop() : new StepFrame(Ranks);
            opened.Open(Generation, step);
            _open.Insert(index, opened);
        }

        _open[index].Put(in timing);
        BacklogRecords += _newestStep - step >= HorizonSteps ? 1 : 0;
        Advance(rank, lastStep, step, headIsNew: !isOpen && index == 0);
        return FrameAdmission.Accepted;
    }

    private void Advance(int rank, long lastStep, long step, bool headIsNew)
    {
        _newestStep = Math.Max(_newestStep, step);
        _lastStep[rank] = Math.Max(lastStep, step);
        if (headIsNew)
        {
            CountRanksBehindHead();
        }
        else if (lastStep < _open[0].Step && step >= _open[0].Step)
        {
            _ranksBehindHead--;
        }
    }

    private bool HeadIsClosed(long step) => _ranksBehindHead == 0 || _newestStep - step >= StepsBehind || step <= _flushThrough;

    /// <summary>As many as may be open while there is no backlog, the one that is lent, and the one that closes it.</summary>
    private int FramesKept => HorizonSteps + Math.Max(1, HorizonSteps / 4) + 2;

    private int StepsBehind => Math.Min(StepsBehindMax, IsCatchingUp ? _catchUpSteps : HorizonSteps);

    private bool HaveAllCaughtUp()
    {
        // The rank that was behind the last time most likely still is: a report takes no time in proportion to all ranks for that.
        for (int looked = 0; looked < Ranks; looked++)
        {
            long lastStep = _lastStep[_behind];
            if (lastStep == NoStep || _newestStep - lastStep >= HorizonSteps)
            {
                return false;
            }

            _behind = _behind + 1 == Ranks ? 0 : _behind + 1;
        }

        return true;
    }

    private void CountRanksBehindHead()
    {
        _ranksBehindHead = 0;
        if (_open.Count == 0)
        {
            return;
        }

        long head = _open[0].Step;
        foreach (long lastStep in _lastStep)
        {
            _ranksBehindHead += lastStep < head ? 1 : 0;
        }
    }

    // Where the step stands, or would stand, among the open frames. Most records belong to the newest, or to none yet; those of a backlog to any.
    private int IndexOf(long step)
    {
        int low = 0;
        int high = _open.Count;
        if (high > 0 && step >= _open[high - 1].Step)
        {
            return step == _open[high - 1].Step ? high - 1 : high;
        }

        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_open[middle].Step < step)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
