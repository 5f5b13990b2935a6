using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Evaluation.Synthetic;

/// <summary>Makes the step records of a job in virtual time: a shape, a noise, faults and a seed, always the same frames.</summary>
internal sealed class SyntheticFleet
{
    private const double TransferCv = 0.03;

    private readonly FleetShape _shape;
    private readonly PaceNoise _noise;
    private readonly IReadOnlyList<Fault> _faults;
    private readonly Chance _chance;
    private readonly StepDraft _draft;
    private readonly StepFrameAssembler _assembler;
    private readonly double[] _chipUnitNs;
    private readonly double[] _memory;
    private readonly double[] _busyNs;
    private readonly int[] _units;
    private readonly double _sigma;
    private readonly double _fresh;
    private double _nowNs;
    private long _step;

    public SyntheticFleet(FleetShape shape, PaceNoise noise, int seed, params IReadOnlyList<Fault> faults)
    {
        _shape = shape;
        _noise = noise;
        _faults = faults;
        Seed = seed;
        _chance = new Chance(seed);
        _draft = new StepDraft(shape.Ranks);
        _assembler = new StepFrameAssembler(shape.Ranks, default, horizonSteps: 1);
        _memory = new double[shape.Ranks];
        _busyNs = new double[shape.Ranks];
        _sigma = Math.Sqrt(Math.Log(1 + (noise.Cv * noise.Cv)));
        _fresh = Math.Sqrt(1 - (noise.Memory * noise.Memory));
        _chipUnitNs = [.. shape.UnitNs.Select(ns => ns * Math.Exp(shape.ChipSpread * _chance.Normal()))];
        foreach (int rank in shape.NominalChips)
        {
            _chipUnitNs[rank] = shape.UnitNs[rank];
        }

        _units = shape.Units is { } given ? [.. given] : Deal();
        for (int rank = 0; rank < _memory.Length; rank++)
        {
            _memory[rank] = _sigma * Fresh();
        }
    }

    public int Seed { get; }

    public int Ranks => _shape.Ranks;

    /// <summary>Units of work by rank.</summary>
    public IReadOnlyList<int> Units => _units;

    /// <summary>The next step.</summary>
    /// <returns>The frame, valid until the next call; null where no record of the step came.</returns>
    public StepFrame? Next()
    {
        _draft.Begin(_step);
        foreach (Fault fault in _faults)
        {
            fault.Apply(_draft, _chance);
        }

        double lastNs = Work();
        double transferNs = _shape.TransferNs * _draft.TransferFactor * Math.Exp(TransferCv * _chance.Normal());
        for (int rank = 0; rank < _busyNs.Length; rank++)
        {
            if (!_draft.IsSilent[rank])
            {
                Record(rank, lastNs + transferNs);
            }
        }

        _nowNs += lastNs + transferNs;
        _step++;

        // A step that ranks are missing from is closed as it is: in virtual time nothing comes late.
        if (!_assembler.TryTake(out StepFrame? frame))
        {
            _assembler.Flush();
            _assembler.TryTake(out frame);
        }

        return frame;
    }

    // When the last rank arrived, ns after the step began.
    private double Work()
    {
        double common = _noise.CommonCv * _chance.Normal();
        double lastNs = 0;
        for (int rank = 0; rank < _busyNs.Length; rank++)
        {
            _memory[rank] = (_noise.Memory * _memory[rank]) + (_fresh * _sigma * Fresh());
            double unitNs = _chipUnitNs[rank] * _draft.PaceFactor[rank] * Math.Exp(_memory[rank] + common);
            _busyNs[rank] = _shape.FixedNs + (unitNs * _units[rank]);
            lastNs = Math.Max(lastNs, _draft.InputNs[rank] + _busyNs[rank]);
        }

        return lastNs;
    }

    private void Record(int rank, double leftNs)
    {
        double arrivedNs = _nowNs + _draft.InputNs[rank] + _busyNs[rank];
        FrameAdmission admission = _assembler.Add(new StepTiming
        {
            Step = _step,
            Rank = new Rank(rank),
            StartNs = (long)_nowNs,
            ComputeNs = (long)_busyNs[rank],
            DataWaitNs = (long)_draft.InputNs[rank],
            ArrivalNs = (long)arrivedNs,
            DepartureNs = (long)(_nowNs + leftNs + (_shape.ExitSkewNs * _chance.Uniform())),
            WorkUnits = _units[rank],
            Weight = _units[rank],
            WorkloadFeature = _draft.Tokens[rank] * _units[rank],
        });
        if (admission != FrameAdmission.Accepted)
        {
            throw new InvalidOperationException($"The record of rank {rank} in step {_step} was refused: {admission}.");
        }
    }

    private double Fresh() => _noise.IsHeavyTailed ? _chance.HeavyTailed() : _chance.Normal();

    private int[] Deal()
    {
        int total = _shape.UnitsPerRank * _shape.Ranks;
        if (!_shape.IsDealtBySpeed)
        {
            return EvenDeal.Of(total, _shape.Ranks);
        }

        RebalanceOutcome outcome = new RebalancePlanner().Solve(new RebalanceProblem
        {
            FixedSeconds = new double[_shape.Ranks],
            SecondsPerUnit = _chipUnitNs.Select(ns => ns * 1e-9).ToArray(),
            Lowest = Enumerable.Repeat(1, _shape.Ranks).ToArray(),
            Highest = Enumerable.Repeat(total, _shape.Ranks).ToArray(),
            Current = EvenDeal.Of(total, _shape.Ranks),
            Total = total,
        });
        return outcome is RebalanceOutcome.Solved solved
            ? [.. solved.MicroBatches]
            : throw new InvalidOperationException(outcome.Reason);
    }
}
