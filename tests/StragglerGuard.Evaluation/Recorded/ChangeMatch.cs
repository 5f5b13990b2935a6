namespace StragglerGuard.Evaluation.Recorded;

/// <summary>Changes found against labels: a change matches the label that it lies in the window of, from one step before to six after, each at most once.</summary>
/// <param name="Labels">How many there are.</param>
/// <param name="Changes">How many were found.</param>
/// <param name="Delays">Of every match, steps from the label to the certainty.</param>
internal sealed record ChangeMatch(int Labels, int Changes, IReadOnlyList<long> Delays)
{
    /// <summary>Steps before the label that a match may lie.</summary>
    public const int Before = 1;

    /// <summary>Steps after the label that a match may lie.</summary>
    public const int After = 6;

    public int Found => Delays.Count;

    public int False => Changes - Found;

    public double F1 => Labels + Changes == 0 ? 0 : 2.0 * Found / (Labels + Changes);

    public long WorstDelay => Found == 0 ? long.MaxValue : Delays.Max();

    public double MeanDelay => Found == 0 ? double.NaN : Delays.Average();

    /// <summary>Matches them, label by label.</summary>
    public static ChangeMatch Of(IReadOnlyList<long> labels, IReadOnlyList<(long Step, long RaisedAtStep)> changes)
    {
        var left = new List<(long Step, long RaisedAtStep)>(changes);
        var delays = new List<long>();
        foreach (long label in labels)
        {
            int match = -1;
            for (int i = 0; i < left.Count; i++)
            {
                bool isInside = left[i].Step >= label - Before && left[i].Step <= label + After;
                if (isInside && (match < 0 || Math.Abs(left[i].Step - label) < Math.Abs(left[match].Step - label)))
                {
                    match = i;
                }
            }

            if (match >= 0)
            {
                delays.Add(left[match].RaisedAtStep - label);
                left.RemoveAt(match);
            }
        }

        return new ChangeMatch(labels.Count, changes.Count, delays);
    }

    /// <summary>Several recordings as one.</summary>
    public static ChangeMatch Pool(IReadOnlyList<ChangeMatch> matches) =>
        new(matches.Sum(match => match.Labels), matches.Sum(match => match.Changes), [.. matches.SelectMany(match => match.Delays)]);
}
