using System.Globalization;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.WhatIf;

/// <summary>Replays what each mitigation would leave of the step and keeps those that win something.</summary>
internal sealed class MitigationAdvice
{
    /// <summary>The smallest gain that is worth a word.</summary>
    private const double GainMin = 1.01;

    private readonly TraceReplays _replays;
    private readonly CauseModel _causes;
    private readonly List<Advice> _advice = [];

    private MitigationAdvice(TraceReplays replays, CauseModel causes)
    {
        _replays = replays;
        _causes = causes;
    }

    private AlignedTrace Trace => _replays.Trace;

    private PassTimes Passes => _causes.Passes;

    public static IReadOnlyList<Advice> For(TraceReplays replays, CauseModel causes)
    {
        var advice = new MitigationAdvice(replays, causes);
        advice.ConsiderWorkers();
        advice.ConsiderDeal();
        advice.ConsiderStages();
        advice.ConsiderSequences();
        advice.ConsiderFabric();
        return [.. advice._advice.OrderByDescending(item => item.PredictedGain).ThenBy(item => item.Action)];
    }

    private void Offer(Mitigation action, double gain, FormattableString reason)
    {
        if (double.IsFinite(gain) && gain >= GainMin)
        {
            _advice.Add(new Advice(action, gain, reason.ToString(CultureInfo.InvariantCulture)));
        }
    }

    private void ConsiderWorkers()
    {
        if (!Passes.AnyWorkerIsSlow)
        {
            return;
        }

        int[] slow = [.. Enumerable.Range(0, Trace.WorkerCount).Where(Passes.IsSlow)];
        string names = string.Join(", ", slow.Select(NameOf));
        double worst = slow.Max(Passes.RatioOf);
        Offer(
            Mitigation.ReplaceWorker,
            _causes.GainWithout(StragglerClass.Worker),
            $"{names} computes up to {worst:0.00} times as long as its stage's other replicas");

        var evicted = slow.Select(worker => worker / Trace.Stages.Length).ToHashSet();
        int left = Trace.Replicas.Length - evicted.Count;
        if (left > 0)
        {
            double more = (double)Trace.Replicas.Length / left;
            double longer = LengthWith(more * Passes.MicroBatches);
            double stepNs = _replays.With((operation, replica, ownNs, durationsNs) =>
                Scaled(operation, longer, evicted.Contains(replica), ownNs, durationsNs));
            Offer(
                Mitigation.EvictReplica,
                _causes.TotalNs / stepNs,
                $"without {NamesOf(evicted)} the other {left} do {more:0.00} times their work and still finish earlier");
        }
    }

    private void ConsiderDeal()
    {
        int replicas = Trace.Replicas.Length;
        int each = Passes.MicroBatches;
        if (replicas < 2 || each < 2 || (long)replicas * each > int.MaxValue || Passes.SecondsPerMicroBatch.Contains(0))
        {
            return;
        }

        int[] even = new int[replicas];
        Array.Fill(even, each);
        int[] lowest = new int[replicas];
        Array.Fill(lowest, 1);
        int[] highest = new int[replicas];
        Array.Fill(highest, int.MaxValue);
        double[] perUnit = Passes.SecondsPerMicroBatch.ToArray();
        var problem = new RebalanceProblem
        {
            Total = replicas * each,
            SecondsPerUnit = perUnit,
            FixedSeconds = Array.ConvertAll(perUnit, seconds => seconds * Passes.FillMicroBatches),
            Lowest = lowest,
            Highest = highest,
            Current = even,
        };
        if (new RebalancePlanner().Solve(problem) is not RebalanceOutcome.Solved solved || solved.Moves == 0)
        {
            return;
        }

        double stepNs = _replays.With((operation, replica, ownNs, durationsNs) =>
            Scaled(operation, LengthWith(solved.MicroBatches[replica]), false, ownNs, durationsNs));
        Offer(
            Mitigation.RebalanceMicroBatches,
            _causes.TotalNs / stepNs,
            $"micro-batches dealt {string.Join("/", solved.MicroBatches)} instead of {each} each follow the replicas' speeds");
    }

    private void ConsiderStages()
    {
        if (Passes.AnyStageIsHeavy)
        {
            int[] heavy = [.. Enumerable.Range(0, Trace.Stages.Length).Where(Passes.IsHeavy)];
            string names = string.Join(", ", heavy.Select(stage => Trace.Stages[stage]));
            Offer(
                Mitigation.RepartitionStages,
                _causes.GainWithout(StragglerClass.Stage),
                $"stage {names} computes {heavy.Max(Passes.StageRatioOf):0.00} times as long as the others in all replicas alike");
        }
    }

    private void ConsiderSequences()
    {
        if (_causes.IsWorkloadUnequal)
        {
            Offer(
                Mitigation.BalanceSequences,
                _causes.GainWithout(StragglerClass.Workload),
                $"forward and backward times of a micro-batch go together (correlation {_causes.Correlation:0.00}): micro-batches differ in work");
        }
    }

    private void ConsiderFabric() =>
        Offer(
            Mitigation.InspectFabric,
            _causes.GainWithout(StragglerClass.Fabric),
            $"transfers take longer than the median of their kind{LongestTransfer()}");

    /// <summary>The kind and place whose transfers exceed their kind's median the most.</summary>
    private string LongestTransfer()
    {
        double worst = 0;
        string place = "";
        foreach (int operation in _replays.Operations(OperationTypes.IsCommunication))
        {
            double idealNs = Math.Max(1, _replays.Own.IdealNs[operation]);
            for (int replica = 0; replica < Trace.Replicas.Length; replica++)
            {
                double sum = 0;
                foreach (long ns in _replays.OwnOf(operation, replica))
                {
                    sum += ns;
                }

                double excessNs = (sum / Trace.Steps.Length) - idealNs;
                if (excessNs > worst)
                {
                    worst = excessNs;
                    place = string.Create(
                        CultureInfo.InvariantCulture,
                        $", the longest {OperationTypes.NameOf(Trace.TypeOf[operation])} at {NameOf(Passes.WorkerOf(replica, Trace.StageOf[operation]))}");
                }
            }
        }

        return place;
    }

    /// <summary>
    /// How much longer a replica takes with another number of micro-batches. The schedule keeps its recorded number of passes, so each is stretched; filling and
    /// emptying the pipeline takes as long as ever.
    /// </summary>
    private double LengthWith(double microBatches) =>
        (microBatches + Passes.FillMicroBatches) / (Passes.MicroBatches + Passes.FillMicroBatches);

    private void Scaled(int operation, double factor, bool isGone, ReadOnlySpan<long> ownNs, Span<long> durationsNs)
    {
        if (isGone)
        {
            durationsNs.Clear();
        }
        else if (OperationTypes.IsPass(Trace.TypeOf[operation]))
        {
            for (int i = 0; i < ownNs.Length; i++)
            {
                durationsNs[i] = (long)(ownNs[i] * factor);
            }
        }
        else
        {
            ownNs.CopyTo(durationsNs);
        }
    }

    private string NameOf(int worker) => string.Create(
        CultureInfo.InvariantCulture,
        $"worker (replica {Trace.Replicas[worker / Trace.Stages.Length]}, stage {Trace.Stages[worker % Trace.Stages.Length]})");

    private string NamesOf(IEnumerable<int> replicas) =>
        "replica " + string.Join(", ", replicas.Order().Select(replica => Trace.Replicas[replica].ToString(CultureInfo.InvariantCulture)));
}
