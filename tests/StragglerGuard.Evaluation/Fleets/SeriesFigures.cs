using StragglerGuard.Core.Detection;
using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Evaluation.Recorded;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Evaluation.Fleets;

/// <summary>A job of which one series is known: changes up and back down, as training logs show them.</summary>
internal sealed class SeriesFigures : IFigureGroup
{
    private const int Slowdowns = 10;
    private const int QuietSteps = 3_000;
    private const double LeastF1 = 0.97;

    public string Name => "series";

    public string Summary => "one series: F1 of changes up and down, false changes while nothing changes";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        int seeds = isQuick ? 10 : 40;
        yield return Changes(new PaceNoise(0.005), 1.05, 1.2, spikeShare: 0, LeastF1, seeds);
        yield return Changes(new PaceNoise(0.01), 1.08, 1.5, spikeShare: 0, LeastF1, seeds);
        yield return Changes(new PaceNoise(0.01), 1.08, 1.5, spikeShare: 0.01, LeastF1, seeds);
        yield return Changes(new PaceNoise(0.01, Memory: 0.3), 1.08, 1.5, spikeShare: 0, null, seeds);
        yield return Changes(new PaceNoise(0.01, IsHeavyTailed: true), 1.08, 1.5, spikeShare: 0, null, seeds);
        yield return Changes(new PaceNoise(0.03), 1.2, 1.8, spikeShare: 0, null, seeds);
    }

    private static Figure Changes(PaceNoise noise, double least, double most, double spikeShare, double? target, int seeds)
    {
        var matches = new List<ChangeMatch>();
        int inQuiet = 0;
        for (int seed = 1; seed <= seeds; seed++)
        {
            var chance = new Chance(~seed);
            var faults = new List<Fault>();
            var labels = new List<long>();
            long step = 40;
            for (int i = 0; i < Slowdowns; i++)
            {
                long from = step + chance.Below(20);
                long until = from + 50 + chance.Below(30);
                faults.Add(new PersistentSlowdown([0], least + ((most - least) * chance.Uniform()), from, until));
                labels.AddRange([from, until]);
                step = until + 40;
            }

            EverybodysSpikes[] spikes = spikeShare > 0 ? [new EverybodysSpikes(spikeShare, 2)] : [];
            matches.Add(ChangeMatch.Of(labels, Found(new JudgedFleet(FleetShape.Equal(1), noise, seed, [.. faults, .. spikes]).Run(step))));
            inQuiet += Found(new JudgedFleet(FleetShape.Equal(1), noise, seed, [.. spikes]).Run(QuietSteps)).Length;
        }

        ChangeMatch all = ChangeMatch.Pool(matches);
        string subject = $"one series, {noise}{(spikeShare > 0 ? $", {100 * spikeShare:0} % spikes" : "")}";
        string what = $"F1 of changes by {100 * (least - 1):0}–{100 * (most - 1):0} %, up and down";
        string measured = $"{all.F1:0.000} ({all.Found} of {all.Labels}, {all.False} false, delay mean {all.MeanDelay:0.0}, "
            + $"worst {(all.Found == 0 ? "–" : all.WorstDelay)}); {inQuiet} in {QuietSteps * seeds:#,0} quiet steps (seeds 1–{seeds})";
        return target is { } f1 ? Figure.Of(subject, what, measured, $"≥ {f1:0.00}", all.F1 >= f1) : Figure.Told(subject, what, measured);
    }

    private static (long Step, long RaisedAtStep)[] Found(JudgedFleet job) =>
        [.. job.Events.Where(found => found.Kind == DetectionEventKind.JobLevelChanged).Select(found => (found.ChangedAtStep, found.RaisedAtStep))];
}
