namespace StragglerGuard.Core;

/// <summary>How a job's ranks are laid out, in Megatron's default order: tensor parallel fastest, then data parallel, then pipeline stages.</summary>
/// <remarks>
/// Megatron-LM's <c>tp-cp-ep-dp-pp</c> without context parallelism: rank = tp + TP · (dp + DP · pp). Experts are spread within the data-parallel ranks of a
/// stage: ep = dp mod EP. A plain data-parallel job is the trivial case, TP = PP = EP = 1.
/// </remarks>
public sealed record Topology
{
    /// <summary>Lays out TP × DP × PP ranks.</summary>
    /// <param name="tensorParallel">Ranks that share each layer, 1 or more.</param>
    /// <param name="pipelineParallel">Pipeline stages, 1 or more.</param>
    /// <param name="dataParallel">Replicas, 1 or more.</param>
    /// <param name="expertParallel">Ranks that the experts are spread over, 1 or more; divides <paramref name="dataParallel"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    /// <exception cref="ArgumentException">The expert-parallel size does not divide the data-parallel one.</exception>
    /// <exception cref="OverflowException">There are more ranks than an int counts.</exception>
    public Topology(int tensorParallel, int pipelineParallel, int dataParallel, int expertParallel = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tensorParallel, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(pipelineParallel, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(dataParallel, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(expertParallel, 1);
        if (dataParallel % expertParallel != 0)
        {
            throw new ArgumentException($"{expertParallel} expert-parallel ranks do not divide {dataParallel} replicas.", nameof(expertParallel));
        }

        TensorParallel = tensorParallel;
        PipelineParallel = pipelineParallel;
        DataParallel = dataParallel;
        ExpertParallel = expertParallel;
        Ranks = checked(tensorParallel * dataParallel * pipelineParallel);
    }

    /// <summary>Ranks that share each layer.</summary>
    public int TensorParallel { get; }

    /// <summary>Pipeline stages.</summary>
    public int PipelineParallel { get; }

    /// <summary>Data-parallel replicas.</summary>
    public int DataParallel { get; }

    /// <summary>Ranks that the experts of a layer are spread over.</summary>
    public int ExpertParallel { get; }

    /// <summary>Ranks of the job.</summary>
    public int Ranks { get; }

    /// <summary>A purely data-parallel job.</summary>
    /// <param name="ranks">1 or more.</param>
    public static Topology DataParallelOnly(int ranks) => new(1, 1, ranks);

    /// <summary>Where a rank stands.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such rank.</exception>
    public RankPosition PositionOf(Rank rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank.Value, nameof(rank));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank.Value, Ranks, nameof(rank));
        int replica = rank.Value / TensorParallel % DataParallel;
        return new RankPosition(
            rank.Value % TensorParallel, rank.Value / (TensorParallel * DataParallel), replica, replica % ExpertParallel);
    }

    /// <summary>The rank at a position; <see cref="RankPosition.Expert"/> follows from the replica and is not read.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such position.</exception>
    public Rank RankAt(RankPosition position)
    {
        ThrowIfNotBelow(position.Tensor, TensorParallel, nameof(position));
        ThrowIfNotBelow(position.Stage, PipelineParallel, nameof(position));
        ThrowIfNotBelow(position.Replica, DataParallel, nameof(position));
        return new Rank(position.Tensor + (TensorParallel * (position.Replica + (DataParallel * position.Stage))));
    }

    /// <summary>How many groups of a kind there are.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The kind is unknown.</exception>
    public int GroupCount(GroupKind kind) => Ranks / GroupSize(kind);

    /// <summary>The ranks of one group, in the order of their place in it.</summary>
    /// <param name="kind">What the members share.</param>
    /// <param name="index">0 … <see cref="GroupCount"/> − 1, by smallest member as Megatron counts them.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such group.</exception>
    public IReadOnlyList<Rank> MembersOf(GroupKind kind, int index)
    {
        ThrowIfNotBelow(index, GroupCount(kind), nameof(index));
        int size = GroupSize(kind);
        int stride = kind switch
        {
            GroupKind.DataParallel or GroupKind.ExpertParallel => TensorParallel,
            GroupKind.PipelineParallel => TensorParallel * DataParallel,
            _ => 1,
        };

        // Groups of a stride interleave: "stride" of them start side by side, and then the next block begins.
        int first = (index / stride * stride * size) + (index % stride);
        return [.. Enumerable.Range(0, size).Select(place => new Rank(first + (place * stride)))];
    }

    private static void ThrowIfNotBelow(int value, int limit, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(value, limit, name);
    }

    private int GroupSize(GroupKind kind) => kind switch
    {
        GroupKind.Job => Ranks,
        GroupKind.DataParallel => DataParallel,
        GroupKind.TensorParallel => TensorParallel,
        GroupKind.PipelineParallel => PipelineParallel,
        GroupKind.ExpertParallel => ExpertParallel,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such kind of group."),
    };
}

/// <summary>Where a rank stands in a <see cref="Topology"/>; all 0-based.</summary>
/// <param name="Tensor">Place among the ranks that share its layers.</param>
/// <param name="Stage">Pipeline stage.</param>
/// <param name="Replica">Data-parallel replica.</param>
/// <param name="Expert">Place among the ranks that share its experts.</param>
public readonly record struct RankPosition(int Tensor, int Stage, int Replica, int Expert = 0);
