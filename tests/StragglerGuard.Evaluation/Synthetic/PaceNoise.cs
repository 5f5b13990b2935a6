namespace StragglerGuard.Evaluation.Synthetic;

/// <summary>How a healthy rank's time for a unit of work varies from step to step.</summary>
/// <param name="Cv">Coefficient of variation of a rank's own, log-normal noise.</param>
/// <param name="Memory">Its AR(1) coefficient: 0 makes the ranks exchangeable, step by step.</param>
/// <param name="IsHeavyTailed">Whether it follows Student's t with three degrees of freedom instead of a normal, in logs, at the same variance.</param>
/// <param name="CommonCv">Coefficient of variation of what all ranks share in a step.</param>
internal sealed record PaceNoise(double Cv, double Memory = 0, bool IsHeavyTailed = false, double CommonCv = 0)
{
    public override string ToString() =>
        $"CV {100 * Cv:0.#} %"
        + (Memory > 0 ? $", AR(1) {Memory:0.0#}" : "")
        + (IsHeavyTailed ? ", heavy tails" : "")
        + (CommonCv > 0 ? $", common {100 * CommonCv:0.#} %" : "");
}
