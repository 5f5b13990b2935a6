using StragglerGuard.Evaluation.Synthetic;

namespace StragglerGuard.Evaluation.Fleets;

/// <summary>The same fault on many seeded fleets: how often it was found in time, and who was accused wrongly.</summary>
internal sealed class Trials
{
    /// <summary>Steps before the earliest fault: every baseline is learned.</summary>
    private const int Calm = 60;

    private readonly List<double> _delays = [];

    /// <summary>Ranks with a fault that were looked for.</summary>
    public int Run { get; private set; }

    /// <summary>Of those, how many were found in time.</summary>
    public int Found { get; private set; }

    /// <summary>Ranks called slow that were not, in all fleets.</summary>
    public int Wrong { get; private set; }

    public double Recall => Run == 0 ? 0 : (double)Found / Run;

    /// <summary>Of those found, steps; NaN where none was.</summary>
    public double MedianDelay => _delays.Count == 0 ? double.NaN : _delays.Order().ElementAt(_delays.Count / 2);

    /// <summary>A fleet in which one rank has a fault from some step on.</summary>
    /// <param name="shape">The fleet.</param>
    /// <param name="noise">Its noise.</param>
    /// <param name="seed">Chooses rank and step as well.</param>
    /// <param name="steps">Within how many steps it is to be found.</param>
    /// <param name="fault">From rank and first step to the fault.</param>
    /// <param name="raisedAt">When it was found: the step, or null.</param>
    public void Add(FleetShape shape, PaceNoise noise, int seed, int steps, Func<int, long, Fault> fault, Func<JudgedFleet, int, long?> raisedAt)
    {
        var chance = new Chance(~seed);
        int culprit = chance.Below(shape.Ranks);
        long onset = Calm + chance.Below(Calm);
        JudgedFleet job = new JudgedFleet(shape, noise, seed, fault(culprit, onset)).Run(onset + steps);
        Blame(job.Accused.Count(rank => rank != culprit));
        Note(raisedAt(job, culprit) is { } step && step >= onset ? step - onset + 1 : null);
    }

    /// <summary>Counts ranks that were called slow and were not.</summary>
    public void Blame(int ranks) => Wrong += ranks;

    /// <summary>Counts a rank with a fault.</summary>
    /// <param name="delaySteps">How many steps it took; null where the fault was not found.</param>
    public void Note(long? delaySteps)
    {
        Run++;
        if (delaySteps is { } delay)
        {
            Found++;
            _delays.Add(delay);
        }
    }
}
