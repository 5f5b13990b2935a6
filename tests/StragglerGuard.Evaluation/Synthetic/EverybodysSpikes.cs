namespace StragglerGuard.Evaluation.Synthetic;

/// <summary>Single steps of every rank take longer, at random and each for itself: nobody's fault.</summary>
/// <param name="Share">Share of a rank's steps, 0 … 1.</param>
/// <param name="FactorMax">They take 1.3 to this many times as long.</param>
internal sealed record EverybodysSpikes(double Share, double FactorMax) : Fault(0, long.MaxValue)
{
    private const double FactorMin = 1.3;

    protected override void Spoil(StepDraft step, Chance chance)
    {
        foreach (ref double factor in step.PaceFactor.AsSpan())
        {
            factor *= chance.Uniform() < Share ? FactorMin + ((FactorMax - FactorMin) * chance.Uniform()) : 1;
        }
    }
}
