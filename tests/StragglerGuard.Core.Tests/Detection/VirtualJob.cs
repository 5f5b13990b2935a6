using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Core.Tests.Detection;

/// <summary>The noise of a rank's compute time, all in log units.</summary>
/// <param name="Cv">Coefficient of variation of the log-normal noise.</param>
/// <param name="Memory">AR(1) coefficient: 0 is independent from step to step.</param>
/// <param name="SpikeShare">Share of steps that take 1.5 to 3 times as long.</param>
/// <param name="CommonCv">Noise that all ranks share in a step.</param>
internal sealed record Noise(double Cv, double Memory = 0, double SpikeShare = 0, double CommonCv = 0);

/// <summary>A job in virtual time: draws step records, runs them through assembler and detector, keeps every event.</summary>
internal sealed class VirtualJob
{
    private readonly Random _random;
    private readonly double[] _ar;
    private readonly Noise _noise;
    private readonly DetectionEvents _sink = new();

    public VirtualJob(IReadOnlyList<RankCohort> cohorts, double[] paceMs, Noise noise, int seed)
    {
        Detector = new SlownessDetector(cohorts);
        Assembler = new StepFrameAssembler(cohorts.Count, default);
        PaceMs = paceMs;
        MicroBatches = Enumerable.Repeat(5, cohorts.Count).ToArray();
        Seed = seed;
        _random = new Random(seed);
        _noise = noise;
        _ar = new double[cohorts.Count];
    }

    public static VirtualJob Equal(int ranks, Noise noise, int seed) =>
        new(Enumerable.Repeat(new RankCohort(0, new DeviceClass("H100")), ranks).ToArray(), Enumerable.Repeat(20.0, ranks).ToArray(), noise, seed);

    public static VirtualJob Mixed(Noise noise, int seed)
    {
        RankCohort h100 = new(0, new DeviceClass("H100"));
        return new([h100, h100, new(0, new DeviceClass("H200")), new(0, new DeviceClass("GB200"))], [24, 24, 20, 10], noise, seed);
    }

    public SlownessDetector Detector { get; }

    public StepFrameAssembler Assembler { get; }

    public double[] PaceMs { get; }

    public int[] MicroBatches { get; set; }

    public int Seed { get; }

    /// <summary>Factor on a rank's pace in a step.</summary>
    public Func<int, long, double> Factor { get; set; } = (_, _) => 1;

    /// <summary>Whether a rank's record of a step is lost.</summary>
    public Func<int, long, bool> IsLost { get; set; } = (_, _) => false;

    public List<DetectionEvent> Events { get; } = [];

    public IEnumerable<DetectionEvent> Confirmed => Events.Where(e => e.Kind == DetectionEventKind.StragglerConfirmed);

    public IEnumerable<DetectionEvent> Recovered => Events.Where(e => e.Kind == DetectionEventKind.StragglerRecovered);

    public IEnumerable<DetectionEvent> CommonShifts => Events.Where(e => e.Kind == DetectionEventKind.CommonShiftDetected);

    public long NextStep { get; private set; }

    public VirtualJob Run(int steps)
    {
        for (long end = NextStep + steps; NextStep < end; NextStep++)
        {
            double common = _noise.CommonCv * Normal();
            for (int rank = 0; rank < PaceMs.Length; rank++)
            {
                double computeNs = PaceMs[rank] * 1e6 * MicroBatches[rank] * Factor(rank, NextStep) * Math.Exp(common + NoiseOf(rank));
                if (!IsLost(rank, NextStep))
                {
                    Assembler.Add(new StepTiming
                    {
                        Step = NextStep,
                        Rank = new Rank(rank),
                        ComputeNs = (long)computeNs,
                        WorkUnits = MicroBatches[rank],
                        DepartureNs = 1,
                    });
                }
            }

            while (Assembler.TryTake(out StepFrame? frame))
            {
                _sink.Clear();
                Detector.Update(frame, _sink);
                Events.AddRange(_sink);
            }
        }

        return this;
    }

    /// <summary>What a failure message needs: the seed and every event.</summary>
    public string Story() => $"seed {Seed}: {string.Join("; ", Events)}";

    private double NoiseOf(int rank)
    {
        double sigma = Math.Sqrt(Math.Log(1 + (_noise.Cv * _noise.Cv)));
        _ar[rank] = (_noise.Memory * _ar[rank]) + (Math.Sqrt(1 - (_noise.Memory * _noise.Memory)) * sigma * Normal());
        double spike = _random.NextDouble() < _noise.SpikeShare ? Math.Log(1.5 + (1.5 * _random.NextDouble())) : 0;
        return _ar[rank] + spike;
    }

    private double Normal() =>
        Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
}
