namespace StragglerGuard.Evaluation.Synthetic;

/// <summary>Something that goes wrong between two steps.</summary>
/// <param name="From">Its first step.</param>
/// <param name="Until">The first step after it.</param>
internal abstract record Fault(long From, long Until)
{
    /// <summary>Changes a step, if it is one of the fault's.</summary>
    public void Apply(StepDraft step, Chance chance)
    {
        if (step.Step >= From && step.Step < Until)
        {
            Spoil(step, chance);
        }
    }

    protected abstract void Spoil(StepDraft step, Chance chance);
}

/// <summary>
/// Ranks take longer for a unit of work, all the time: one culprit or several, the majority, or the whole group; from the first step where it begins at 0.
/// </summary>
/// <param name="Ranks">Who.</param>
/// <param name="Factor">How many times as long; below 1 for ranks that become faster.</param>
internal sealed record PersistentSlowdown(IReadOnlyList<int> Ranks, double Factor, long From, long Until = long.MaxValue) : Fault(From, Until)
{
    protected override void Spoil(StepDraft step, Chance chance)
    {
        foreach (int rank in Ranks)
        {
            step.PaceFactor[rank] *= Factor;
        }
    }
}

/// <summary>A rank becomes slower little by little, and stays where it got to.</summary>
/// <param name="Factor">How many times as long in the end.</param>
/// <param name="Over">Steps that it takes.</param>
internal sealed record GradualSlowdown(int Rank, double Factor, int Over, long From, long Until = long.MaxValue) : Fault(From, Until)
{
    protected override void Spoil(StepDraft step, Chance chance) =>
        step.PaceFactor[Rank] *= 1 + ((Factor - 1) * Math.Min(1, (step.Step - From + 1.0) / Over));
}

/// <summary>Single steps of a rank take longer, at random.</summary>
/// <param name="Share">Share of its steps, 0 … 1.</param>
/// <param name="Factor">How many times as long.</param>
internal sealed record RandomSpikes(int Rank, double Share, double Factor, long From, long Until = long.MaxValue) : Fault(From, Until)
{
    protected override void Spoil(StepDraft step, Chance chance) => step.PaceFactor[Rank] *= chance.Uniform() < Share ? Factor : 1;
}

/// <summary>Single steps of a rank take longer, in a rhythm: collections of garbage, checkpoints, loaders.</summary>
/// <param name="Period">Steps from one to the next.</param>
/// <param name="Factor">How many times as long.</param>
internal sealed record PeriodicStalls(int Rank, int Period, double Factor, long From, long Until = long.MaxValue) : Fault(From, Until)
{
    protected override void Spoil(StepDraft step, Chance chance) => step.PaceFactor[Rank] *= (step.Step - From) % Period == 0 ? Factor : 1;
}

/// <summary>The collective itself takes longer.</summary>
/// <param name="Factor">How many times as long.</param>
internal sealed record SlowTransfer(double Factor, long From, long Until = long.MaxValue) : Fault(From, Until)
{
    protected override void Spoil(StepDraft step, Chance chance) => step.TransferFactor *= Factor;
}

/// <summary>No record of a rank comes.</summary>
internal sealed record Silence(int Rank, long From, long Until = long.MaxValue) : Fault(From, Until)
{
    protected override void Spoil(StepDraft step, Chance chance) => step.IsSilent[Rank] = true;
}

/// <summary>A rank waits for its input.</summary>
/// <param name="WaitNs">How long, ns; exponential with this mean beyond its first half.</param>
internal sealed record InputStarvation(int Rank, double WaitNs, long From, long Until = long.MaxValue) : Fault(From, Until)
{
    protected override void Spoil(StepDraft step, Chance chance) => step.InputNs[Rank] += 0.5 * WaitNs * (1 - Math.Log(1 - chance.Uniform()));
}

/// <summary>Every rank's units hold an unequal number of tokens, and take time in proportion; one rank gets the long ones.</summary>
/// <param name="Rank">Who gets them.</param>
/// <param name="Factor">How many times as many tokens it gets from <paramref name="Onset"/> on.</param>
/// <param name="Onset">Tokens are recorded, and vary, from the first step on.</param>
internal sealed record UnequalTokens(int Rank, double Factor, long Onset) : Fault(0, long.MaxValue)
{
    private const double Usual = 4_096;

    protected override void Spoil(StepDraft step, Chance chance)
    {
        for (int rank = 0; rank < step.Tokens.Length; rank++)
        {
            double share = (0.85 + (0.3 * chance.Uniform())) * (rank == Rank && step.Step >= Onset ? Factor : 1);
            step.Tokens[rank] = Usual * share;
            step.PaceFactor[rank] *= share;
        }
    }
}
