using StragglerGuard.Core.Attribution;

namespace StragglerGuard.Core.Detection;

/// <summary>Single slow steps of one series: jitter where they come at random, a periodic stall where they keep a rhythm.</summary>
/// <remarks>
/// A spike lies over the series' centre by <see cref="SmallestSpike"/> and by <see cref="SpikeZ"/> σ. Jitter is <see cref="JitterSpikes"/>
/// of the last 128 steps, and four times what the other ranks have, since what all share is the job's noise. The rhythm is looked for only
/// among spikes, by autocorrelation of where they fell: a lag at which <see cref="PeriodicShare"/> of the last spikes have a predecessor.
/// </remarks>
internal sealed class SpikeWatch
{
    /// <summary>Smallest spike, in logs: 20 %.</summary>
    public static readonly double SmallestSpike = Math.Log(1.2);

    /// <summary>Spikes within 128 steps that make jitter.</summary>
    public const int JitterSpikes = 10;

    private const int CalmSpikes = 3;
    private const double SpikeZ = 5;
    private const double TimesOthers = 4;
    private const int Remembered = 24;
    private const int PeriodicSpikesMin = 6;
    private const double PeriodicShare = 0.75;
    private const int PeriodMin = 4;
    private const double LuckRuledOut = 9;
    private const int MissedPeriods = 3;

    private readonly long[] _spikeStep = new long[Remembered];
    private UInt128 _window;
    private int _spikes;
    private double _meanSpike;
    private VerdictKind? _told;
    private long _onsetStep;
    private long _period;

    /// <summary>Spikes within the last 128 steps.</summary>
    public int RecentSpikes { get; private set; }

    /// <summary>Forgets everything.</summary>
    public void Restart()
    {
        _window = UInt128.Zero;
        RecentSpikes = 0;
        _spikes = 0;
        _told = null;
    }

    /// <summary>Takes a step.</summary>
    /// <param name="excess">Distance from the series' centre, in logs.</param>
    /// <param name="sigma">σ of the series.</param>
    /// <param name="othersSpikes">Spikes within 128 steps that other ranks have on average.</param>
    /// <param name="step">The step.</param>
    /// <param name="found">What there is to tell, without the rank.</param>
    /// <returns>Whether there is something to tell.</returns>
    public bool Add(double excess, double sigma, double othersSpikes, long step, out DetectionEvent found)
    {
        found = default;
        double threshold = Math.Max(SmallestSpike, SpikeZ * sigma);
        bool isSpike = excess > threshold;
        _window = (_window << 1) | (isSpike ? UInt128.One : UInt128.Zero);
        RecentSpikes = (int)UInt128.PopCount(_window);
        if (isSpike)
        {
            _spikeStep[_spikes % Remembered] = step;
            _spikes++;
            _meanSpike += (excess - _meanSpike) / Math.Min(_spikes, Remembered);
        }

        if (_told is null)
        {
            return isSpike && TryRaise(othersSpikes, sigma, threshold, step, out found);
        }

        bool isOver = _told == VerdictKind.Jitter ? RecentSpikes <= CalmSpikes : step - Newest(0) > (MissedPeriods * _period) + 1;
        if (isOver)
        {
            found = Event(DetectionEventKind.FindingCleared, _told.Value, Newest(0) + 1, sigma, threshold, step);
            Restart();
        }

        return isOver;
    }

    private bool TryRaise(double othersSpikes, double sigma, double threshold, long step, out DetectionEvent found)
    {
        found = default;
        if (TryFindPeriod(step, out _period))
        {
            _told = VerdictKind.PeriodicStall;
        }
        else if (RecentSpikes >= JitterSpikes && RecentSpikes >= TimesOthers * othersSpikes)
        {
            _told = VerdictKind.Jitter;
            _period = 0;
        }
        else
        {
            return false;
        }

        _onsetStep = Newest(Math.Min(_spikes, Remembered) - 1);
        found = Event(DetectionEventKind.FindingRaised, _told.Value, _onsetStep, sigma, threshold, step) with
        {
            Confidence = VerdictConfidence.Of(_meanSpike, threshold, sigma, RecentSpikes),
        };
        return true;
    }

    private long Newest(int back) => _spikeStep[(_spikes - 1 - back + Remembered) % Remembered];

    // Only lags from the newest spike back are worth a try: a rhythm that stands now goes through it.
    private bool TryFindPeriod(long step, out long period)
    {
        period = 0;
        int count = Math.Min(_spikes, Remembered);
        if (count < PeriodicSpikesMin)
        {
            return false;
        }

        for (int back = 1; back <= count - PeriodicSpikesMin + 1; back++)
        {
            long lag = step - Newest(back);
            long tolerance = Math.Max(1, lag / 32);
            int inRhythm = 0;
            int able = 0;
            for (int i = 0; i < count; i++)
            {
                // The oldest can have no predecessor among those remembered.
                if (Newest(i) - lag + tolerance >= Newest(count - 1))
                {
                    able++;
                    inRhythm += HasSpikeNear(Newest(i) - lag, tolerance, count) ? 1 : 0;
                }
            }

            double share = (double)inRhythm / Math.Max(1, able);
            double chance = ((2 * tolerance) + 1) * (double)count / (step - Newest(count - 1) + 1);
            if (lag >= PeriodMin && able >= PeriodicSpikesMin - 1 && share >= PeriodicShare
                && able * Divergence(share, chance) >= LuckRuledOut)
            {
                period = lag;
                return true;
            }
        }

        return false;
    }

    // Kullback–Leibler, of the share seen from the share that spikes at random would show: e^(−n·divergence) bounds the luck (Chernoff).
    private static double Divergence(double share, double chance)
    {
        if (chance >= share)
        {
            return 0;
        }

        double missed = share < 1 ? (1 - share) * Math.Log((1 - share) / (1 - chance)) : 0;
        return (share * Math.Log(share / chance)) + missed;
    }

    private bool HasSpikeNear(long step, long tolerance, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (Math.Abs(Newest(i) - step) <= tolerance)
            {
                return true;
            }
        }

        return false;
    }

    private DetectionEvent Event(
        DetectionEventKind kind, VerdictKind verdict, long changedAtStep, double sigma, double threshold, long step) => new()
        {
            Kind = kind,
            Verdict = verdict,
            OnsetStep = _onsetStep,
            ChangedAtStep = changedAtStep,
            RaisedAtStep = step,
            Slowdown = Math.Exp(_meanSpike),
            Residual = _meanSpike,
            OwnShift = double.NaN,
            Sigma = sigma,
            Threshold = threshold,
            PeriodSteps = _period,
            Spikes = RecentSpikes,
            Cause = Cause.Host,
        };
}
