namespace StragglerGuard.Evaluation.Synthetic;

/// <summary>One step before it is recorded: faults change it rank by rank. Refilled step by step.</summary>
internal sealed class StepDraft
{
    public StepDraft(int ranks)
    {
        PaceFactor = new double[ranks];
        InputNs = new double[ranks];
        Tokens = new double[ranks];
        IsSilent = new bool[ranks];
    }

    public long Step { get; private set; }

    /// <summary>By rank: time for a unit of work over what it would be.</summary>
    public double[] PaceFactor { get; }

    /// <summary>By rank: wait for input, ns.</summary>
    public double[] InputNs { get; }

    /// <summary>By rank: tokens of a unit of work; 0 where the runner gives none.</summary>
    public double[] Tokens { get; }

    /// <summary>By rank: whether no record of the step comes.</summary>
    public bool[] IsSilent { get; }

    /// <summary>Transfer over what it would be.</summary>
    public double TransferFactor { get; set; }

    public void Begin(long step)
    {
        Step = step;
        Array.Fill(PaceFactor, 1);
        Array.Clear(InputNs);
        Array.Clear(Tokens);
        Array.Clear(IsSilent);
        TransferFactor = 1;
    }
}
