using System.Globalization;

namespace StragglerGuard.Core.Planning;

/// <summary>What the sums of a vote say. The same on every rank, since every rank holds the same sums.</summary>
public enum BallotStatus
{
    /// <summary>The sums can't come from ballots: the reduction is broken, and its weights are not to be used.</summary>
    Invalid = 0,

    /// <summary>Fewer ranks are in the sums than the job has.</summary>
    Incomplete = 1,

    /// <summary>All ranks are in, and they hold different epochs.</summary>
    Split = 2,

    /// <summary>All ranks are in, and they hold the same epoch.</summary>
    Agreed = 3,
}

/// <summary>The outcome of one vote, from <see cref="Ballot.Read"/>.</summary>
public readonly record struct BallotOutcome
{
    private readonly double _countedSum;
    private readonly double _epochSum;
    private readonly double _squareSum;
    private readonly string? _suspect;

    private BallotOutcome(BallotStatus status, ReadOnlySpan<double> sums, int ranks, int residue, string? suspect)
    {
        Status = status;
        Ranks = ranks;
        AgreedResidue = residue;
        TotalWeight = sums[0];
        _countedSum = sums[1];
        _epochSum = sums[2];
        _squareSum = sums[3];
        _suspect = suspect;
    }

    /// <summary>What the sums say.</summary>
    public BallotStatus Status { get; }

    /// <summary>Σ weight over the ranks counted: what the summed loss and gradient are divided by.</summary>
    /// <value>0 or more, unless <see cref="Status"/> is <see cref="BallotStatus.Invalid"/>.</value>
    public double TotalWeight { get; }

    /// <summary>How many ranks the job has.</summary>
    public int Ranks { get; }

    /// <summary>The epoch, modulo 256, that all ranks hold.</summary>
    /// <value>0 … 255; −1 unless <see cref="Agreed"/>.</value>
    public int AgreedResidue { get; }

    /// <summary>Whether all ranks are in the sums and hold the same epoch.</summary>
    public bool Agreed => Status == BallotStatus.Agreed;

    /// <summary>One sentence for a person; built when asked for.</summary>
    public string Reason => Status switch
    {
        BallotStatus.Agreed => Say($"all {Ranks} ranks hold residue {AgreedResidue}"),
        BallotStatus.Split => Say($"the {Ranks} ranks hold different epochs (Σe = {_epochSum}, Σe² = {_squareSum})"),
        BallotStatus.Incomplete => Say($"{_countedSum} of {Ranks} ranks are in the vote"),
        _ => Say($"no {Ranks} ballots add up to {_suspect} in [{TotalWeight}, {_countedSum}, {_epochSum}, {_squareSum}]"),
    };

    internal static BallotOutcome Of(BallotStatus status, ReadOnlySpan<double> sums, int ranks, int residue)
        => new(status, sums, ranks, residue, null);

    internal static BallotOutcome Invalid(ReadOnlySpan<double> sums, int ranks, string suspect)
        => new(BallotStatus.Invalid, sums, ranks, -1, suspect);

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
