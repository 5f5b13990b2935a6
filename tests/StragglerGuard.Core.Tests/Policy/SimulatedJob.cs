using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;

namespace StragglerGuard.Core.Tests.Policy;

/// <summary>A job in virtual time: paces with noise go through the estimator into the policy, and proposals come into force.</summary>
internal sealed class SimulatedJob
{
    private readonly Random _random;
    private readonly SpeedEstimator _estimator;
    private readonly RebalancePolicy _policy;
    private readonly double _noise;
    private readonly long[] _computeNs;
    private readonly bool[] _present;
    private long? _lastPlanStep;
    private long _step;

    public SimulatedJob(int ranks, int total, double noise, int seed, PolicyOptions? options = null)
    {
        _random = new Random(seed);
        _estimator = new SpeedEstimator(ranks);
        _policy = new RebalancePolicy(options ?? new PolicyOptions());
        _noise = noise;
        _computeNs = new long[ranks];
        _present = Enumerable.Repeat(true, ranks).ToArray();
        InForce = MicroBatchDeal.Even(total, ranks);
    }

    public MicroBatchDeal InForce { get; private set; }

    public List<(long Step, PolicyDecision.Propose Plan)> Plans { get; } = [];

    public Rank[] Flagged { get; set; } = [];

    public void Restart(Rank rank, long fromStep) => _estimator.Restart(rank, fromStep);

    /// <summary>Runs up to a step, at the given seconds per unit of each rank.</summary>
    public void RunTo(long end, params double[] secondsPerUnit)
    {
        for (; _step < end; _step++)
        {
            for (var rank = 0; rank < _computeNs.Length; rank++)
            {
                _computeNs[rank] = 0;
                for (var unit = 0; unit < InForce.MicroBatches[rank]; unit++)
                {
                    _computeNs[rank] += (long)(secondsPerUnit[rank] * 1e9);
                }

                // Noise from step to step, the same for all units of a step: the worst case.
                _computeNs[rank] = (long)(_computeNs[rank] * Math.Max(0.5, 1 + (_noise * Normal())));
            }

            _estimator.Observe(_step, _computeNs, InForce.MicroBatches, _present);
            if (Decide() is PolicyDecision.Propose { Acted: true } plan)
            {
                Plans.Add((_step, plan));
                InForce = new MicroBatchDeal(new PlanEpoch(InForce.Epoch.Value + 1), plan.MicroBatches.AsSpan());
                _lastPlanStep = _step;
            }
        }
    }

    private PolicyDecision Decide()
    {
        var estimates = new double[_computeNs.Length];
        _estimator.CopyEstimates(estimates);
        var frames = new double[_estimator.Frames * _computeNs.Length];
        _estimator.CopyFrames(frames);
        return _policy.Decide(new PolicyInput
        {
            Mode = PolicyMode.Act,
            Step = _step,
            InForce = InForce,
            SecondsPerUnit = estimates,
            RecentSecondsPerUnit = frames,
            StepsSinceLastPlan = _step - _lastPlanStep,
            FlaggedRanks = Flagged,
            CommonStepSeconds = 0.002,
        });
    }

    private double Normal()
        => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
}
