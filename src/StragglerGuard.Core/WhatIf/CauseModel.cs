using System.Numerics;

namespace StragglerGuard.Core.WhatIf;

/// <summary>Replays the trace with and without each cause of lost time, and says what each costs.</summary>
/// <remarks>
/// Causes hide each other: with a heavy stage the unequal micro-batches of the others cost nothing. So a cause's cost is its Shapley value, the mean over
/// all orders in which causes could be taken away of what its going wins then; the costs sum up to all that is lost to the four.
/// </remarks>
internal sealed class CauseModel
{
    /// <summary>The smallest part of a step's time that is worth a name.</summary>
    public const double LostShareMin = 0.03;

    private static readonly StragglerClass[] Order =
    [
        StragglerClass.Worker, StragglerClass.Stage, StragglerClass.Workload, StragglerClass.Fabric,
    ];

    private readonly TraceReplays _replays;
    private readonly double[] _stepNs = new double[1 << Order.Length];
    private readonly int _players;

    public CauseModel(TraceReplays replays)
    {
        _replays = replays;
        Correlation = WorkloadEvidence.Correlation(replays);
        IsWorkloadUnequal = Correlation >= WorkloadEvidence.CorrelationMin;
        Passes = new PassTimes(replays, IsWorkloadUnequal);
        bool[] plays = [Passes.AnyWorkerIsSlow, Passes.AnyStageIsHeavy, IsWorkloadUnequal, true];
        for (int cause = 0; cause < plays.Length; cause++)
        {
            _players |= plays[cause] ? 1 << cause : 0;
        }

        for (int present = 0; present < _stepNs.Length; present++)
        {
            if ((present & ~_players) == 0)
            {
                _stepNs[present] = Replay(present);
            }
        }

        Shares = [.. Order.Select((kind, cause) => new CauseShare(kind, Shapley(cause) / TotalNs)).OrderByDescending(share => share.LostShare)];
    }

    public PassTimes Passes { get; }

    /// <summary>Median over workers of the correlation of forward and backward times, or null.</summary>
    public double? Correlation { get; }

    public bool IsWorkloadUnequal { get; }

    public IReadOnlyList<CauseShare> Shares { get; }

    /// <summary>T, ns.</summary>
    public double TotalNs => _stepNs[_players];

    /// <summary>T over the step time without one cause; 1 where it isn't at work.</summary>
    public double GainWithout(StragglerClass cause) => TotalNs / _stepNs[_players & ~BitOf(cause)];

    private static int BitOf(StragglerClass cause) => 1 << Array.IndexOf(Order, cause);

    private double Shapley(int cause)
    {
        int bit = 1 << cause;
        if ((_players & bit) == 0)
        {
            return 0;
        }

        int players = BitOperations.PopCount((uint)_players);
        double value = 0;
        for (int others = 0; others < _stepNs.Length; others++)
        {
            if ((others & ~_players) == 0 && (others & bit) == 0)
            {
                value += Weight(BitOperations.PopCount((uint)others), players) * (_stepNs[others | bit] - _stepNs[others]);
            }
        }

        return value;
    }

    /// <summary>|S|!·(n − |S| − 1)!/n!, the share of orders in which exactly that coalition comes first.</summary>
    private static double Weight(int coalition, int players)
    {
        double weight = 1.0 / players;
        for (int i = 1; i <= coalition; i++)
        {
            weight *= (double)i / (players - i);
        }

        return weight;
    }

    private double Replay(int present)
    {
        bool Has(StragglerClass cause) => (_players & BitOf(cause) & ~present) == 0;
        bool worker = Has(StragglerClass.Worker);
        bool stage = Has(StragglerClass.Stage);
        bool workload = Has(StragglerClass.Workload);
        bool fabric = Has(StragglerClass.Fabric);
        return _replays.With((operation, replica, ownNs, durationsNs) =>
        {
            OperationType type = _replays.Trace.TypeOf[operation];
            if (!OperationTypes.IsPass(type))
            {
                if (fabric || !OperationTypes.IsCommunication(type))
                {
                    ownNs.CopyTo(durationsNs);
                }
                else
                {
                    durationsNs.Fill(_replays.Own.IdealNs[operation]);
                }

                return;
            }

            int stageOf = _replays.Trace.StageOf[operation];
            double stageFactor = Passes.StageFactor(type, stageOf);
            double workerFactor = Passes.WorkerFactor(type, replica, stageOf);
            if (workload)
            {
                Scale(ownNs, 1 / ((worker ? 1 : workerFactor) * (stage ? 1 : stageFactor)), durationsNs);
            }
            else
            {
                durationsNs.Fill((long)(Passes.UsualNs(type) * (worker ? workerFactor : 1) * (stage ? stageFactor : 1)));
            }
        });
    }

    private static void Scale(ReadOnlySpan<long> ownNs, double factor, Span<long> durationsNs)
    {
        if (factor == 1)
        {
            ownNs.CopyTo(durationsNs);
            return;
        }

        for (int i = 0; i < ownNs.Length; i++)
        {
            durationsNs[i] = (long)(ownNs[i] * factor);
        }
    }
}
