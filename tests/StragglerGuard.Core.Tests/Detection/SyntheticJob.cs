using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.Detection;

/// <summary>A seeded job in virtual time, straight into a <see cref="JobDetector"/>: faster than by way of the assembler, for the large
/// figures.</summary>
internal sealed class SyntheticJob
{
    private readonly Random _random;
    private readonly double[] _ar;
    private readonly double _sigma;
    private readonly double _memory;
    private readonly StepFrame _frame;
    private readonly LagCalculator _lag;
    private readonly DetectionEvents _sink = new(1_024);
    private double _spareNormal = double.NaN;

    public SyntheticJob(IReadOnlyList<RankCohort> cohorts, double cv, int seed, double memory = 0, JobDetectorOptions? options = null)
    {
        Detector = new JobDetector(cohorts, options);
        Seed = seed;
        _random = new Random(seed);
        _ar = new double[cohorts.Count];
        _sigma = Math.Sqrt(Math.Log(1 + (cv * cv)));
        _memory = memory;
        _frame = new StepFrame(cohorts.Count);
        _lag = new LagCalculator(cohorts.Count);
    }

    public SyntheticJob(int ranks, double cv, int seed, double memory = 0, JobDetectorOptions? options = null)
        : this(new RankCohort[ranks], cv, seed, memory, options)
    {
    }

    public JobDetector Detector { get; }

    public int Seed { get; }

    public List<DetectionEvent> Events { get; } = [];

    /// <summary>Factor on a rank's own compute in a step.</summary>
    public Func<int, long, double> Compute { get; set; } = (_, _) => 1;

    /// <summary>Wait for input of a rank in a step, ms.</summary>
    public Func<int, long, double> InputMs { get; set; } = (_, _) => 0;

    /// <summary>Transfer of a step, ms.</summary>
    public Func<long, double> TransferMs { get; set; } = _ => 5;

    /// <summary>Units of work of a rank.</summary>
    public Func<int, int> Units { get; set; } = _ => 5;

    /// <summary>Workload feature of a rank in a step.</summary>
    public Func<int, long, double> Feature { get; set; } = (_, _) => 0;

    /// <summary>Whether a rank's record is there.</summary>
    public Func<int, long, bool> Present { get; set; } = (_, _) => true;

    /// <summary>Exit skew; null while unknown.</summary>
    public long? SkewNs { get; set; } = 10_000;

    public IEnumerable<DetectionEvent> Confirmed => Events.Where(e => e.Kind == DetectionEventKind.StragglerConfirmed);

    public IEnumerable<DetectionEvent> Recovered => Events.Where(e => e.Kind == DetectionEventKind.StragglerRecovered);

    public IEnumerable<DetectionEvent> Raised(VerdictKind kind) =>
        Events.Where(e => e.Kind == DetectionEventKind.FindingRaised && e.Verdict == kind);

    public IEnumerable<DetectionEvent> Cleared(VerdictKind kind) =>
        Events.Where(e => e.Kind == DetectionEventKind.FindingCleared && e.Verdict == kind);

    public long NextStep { get; private set; }

    /// <summary>Bytes that the detector allocated in the last run.</summary>
    public long Allocated { get; private set; }

    public SyntheticJob Run(int steps)
    {
        Allocated = 0;
        int ranks = _ar.Length;
        double[] busyMs = new double[ranks];
        for (long end = NextStep + steps; NextStep < end; NextStep++)
        {
            for (int rank = 0; rank < ranks; rank++)
            {
                _ar[rank] = (_memory * _ar[rank]) + (Math.Sqrt(1 - (_memory * _memory)) * _sigma * Normal());
                busyMs[rank] = 20 * Units(rank) * Compute(rank, NextStep) * Math.Exp(_ar[rank]);
            }

            double lastMs = Enumerable.Range(0, ranks).Max(rank => busyMs[rank] + InputMs(rank, NextStep));
            double transferMs = TransferMs(NextStep) * Math.Exp(0.05 * Normal());
            _frame.Open(default, NextStep);
            for (int rank = 0; rank < ranks; rank++)
            {
                if (Present(rank, NextStep))
                {
                    double inputMs = InputMs(rank, NextStep);
                    _frame.Put(new StepTiming
                    {
                        Step = NextStep,
                        Rank = new Rank(rank),
                        ComputeNs = (long)(busyMs[rank] * 1e6),
                        DataWaitNs = (long)(inputMs * 1e6),
                        WorkUnits = Units(rank),
                        WorkloadFeature = Feature(rank, NextStep),
                        DepartureNs = (long)((lastMs - busyMs[rank] - inputMs + transferMs) * 1e6),
                    });
                }
            }

            _sink.Clear();
            LagSample lag = _lag.Compute(_frame, SkewNs);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Detector.Update(_frame, in lag, _lag.LagNs, _sink);
            Allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            foreach (DetectionEvent found in _sink)
            {
                Events.Add(found);
            }
        }

        return this;
    }

    /// <summary>Bytes that the detector allocates for the same steps every time, after as many to warm up.</summary>
    /// <remarks>A collection that another thread starts within a step ends this thread's allocation block, and its rest counts as
    /// allocated. So the least of a few runs.</remarks>
    public static long LeastAllocated(Func<SyntheticJob> make, int warmUpSteps, int steps)
    {
        make().Run(warmUpSteps + steps);
        return Enumerable.Range(0, 4).Min(_ => make().Run(warmUpSteps).Run(steps).Allocated);
    }

    /// <summary>What a failure message needs: the seed and the first events.</summary>
    public string Story() => $"seed {Seed}: {string.Join("; ", Events.Take(20).Select(e => VerdictWriter.Describe(in e, default)))}";

    /// <summary>Standard normal; Marsaglia's polar method.</summary>
    public double Normal()
    {
        if (!double.IsNaN(_spareNormal))
        {
            double spare = _spareNormal;
            _spareNormal = double.NaN;
            return spare;
        }

        double u, v, square;
        do
        {
            u = (2 * _random.NextDouble()) - 1;
            v = (2 * _random.NextDouble()) - 1;
            square = (u * u) + (v * v);
        }
        while (square is >= 1 or 0);
        double scale = Math.Sqrt(-2 * Math.Log(square) / square);
        _spareNormal = v * scale;
        return u * scale;
    }
}
