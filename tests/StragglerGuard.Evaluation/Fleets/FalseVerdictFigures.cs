using StragglerGuard.Evaluation.Printing;
using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Evaluation.Fleets;

/// <summary>Healthy fleets: how often a rank is called slow.</summary>
internal sealed class FalseVerdictFigures : IFigureGroup
{
    private const long RankSteps = 3_000_000;
    private const int StepsOfAJob = 20_000;
    private const int ExchangeableMax = 3;
    private const int CorrelatedMax = 10;

    public string Name => "false";

    public string Summary => "healthy fleets: false verdicts in 3·10⁶ rank-steps";

    public IEnumerable<Figure> Measure(string data, bool isQuick)
    {
        // Few ranks beside many: the large ones are judged by the slim form.
        int[] sizes = isQuick ? [8, 64] : [4, 8, 64, 1_024, 6_000];
        foreach (int ranks in sizes)
        {
            yield return Count(ranks, new PaceNoise(0.02), ExchangeableMax);
            yield return Count(ranks, new PaceNoise(0.02, CommonCv: 0.02), ExchangeableMax);
            yield return Count(ranks, new PaceNoise(0.02, Memory: 0.5), CorrelatedMax);
            yield return Count(ranks, new PaceNoise(0.02, IsHeavyTailed: true), null);
        }
    }

    private static Figure Count(int ranks, PaceNoise noise, int? verdictsMax)
    {
        int verdicts = 0;
        long left = RankSteps / ranks;
        int firstSeed = 1_000 + ranks;
        int seed = firstSeed;
        var first = "";
        for (; left > 0; seed++)
        {
            var job = new JudgedFleet(FleetShape.Equal(ranks), noise, seed);
            job.Run(Math.Min(left, StepsOfAJob));
            left -= job.Steps;
            verdicts += job.Accusations.Count();
            first = first.Length == 0 && job.Accusations.Any() ? $"; the first at seed {seed}, step {job.Accusations.First().RaisedAtStep}" : first;
        }

        string subject = $"{ranks:#,0} healthy ranks, {noise}";
        string measured = $"{verdicts} (seeds {firstSeed}–{seed - 1}{first})";
        return verdictsMax is { } most
            ? Figure.Of(subject, "false verdicts in 3·10⁶ rank-steps", measured, $"≤ {most}", verdicts <= most)
            : Figure.Told(subject, "false verdicts in 3·10⁶ rank-steps", measured);
    }
}
