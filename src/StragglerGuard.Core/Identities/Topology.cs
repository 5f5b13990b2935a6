using System.Collections.Immutable;

namespace StragglerGuard.Core;

/// <summary>One dimension along which ranks are numbered.</summary>
public enum ParallelDimension
{
    /// <summary>Slices of the same layers.</summary>
    Tensor = 0,

    /// <summary>Other samples, the same parameters.</summary>
    Data = 1,

    /// <summary>Consecutive stages of one replica.</summary>
    Pipeline = 2,
}

/// <summary>Where a rank stands.</summary>
/// <param name="Tensor">0 … TP − 1.</param>
/// <param name="Data">The data-parallel replica, 0 … DP − 1.</param>
/// <param name="Pipeline">The stage, 0 … PP − 1.</param>
/// <param name="Expert">Position in its expert-parallel group, 0 … EP − 1.</param>
public readonly record struct RankCoordinates(int Tensor, int Data, int Pipeline, int Expert);

/// <summary>
/// How the ranks of a job are laid out: the sizes of its tensor-, data-, pipeline- and expert-parallel groups, and the order in which
/// ranks are numbered along them. A purely data-parallel job is the trivial case.
/// </summary>
/// <remarks>
/// As Megatron-LM numbers ranks (<c>RankGenerator</c> in megatron/core/parallel_state.py): the first dimension of the order varies fastest, by
/// default <c>tp-dp-pp</c>. Expert parallelism divides the data-parallel dimension: with EP = e, replicas e·g … e·g + e − 1 hold the experts of one
/// group, so it does not change the number of ranks.
/// </remarks>
public sealed record Topology
{
    /// <summary>Megatron's default: tensor fastest, pipeline slowest.</summary>
    public static readonly ImmutableArray<ParallelDimension> MegatronOrder =
        [ParallelDimension.Tensor, ParallelDimension.Data, ParallelDimension.Pipeline];

    private readonly ImmutableArray<int> _strides;

    /// <summary>Lays a job out.</summary>
    /// <param name="tensor">TP, 1 or more.</param>
    /// <param name="pipeline">PP, 1 or more.</param>
    /// <param name="data">DP, 1 or more.</param>
    /// <param name="expert">EP, 1 or more; divides DP.</param>
    /// <param name="order">Every dimension once, the fastest first; Megatron's where left out.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1, or the job has more than 2³¹ − 1 ranks.</exception>
    /// <exception cref="ArgumentException">EP does not divide DP, or the order does not name every dimension once.</exception>
    public Topology(int tensor, int pipeline, int data, int expert = 1, ImmutableArray<ParallelDimension> order = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tensor, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(pipeline, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(data, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(expert, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((Int128)tensor * pipeline * data, int.MaxValue, nameof(data));
        if (data % expert != 0)
        {
            throw new ArgumentException($"EP = {expert} does not divide DP = {data}: expert parallelism divides the data-parallel ranks.", nameof(expert));
        }

        TensorSize = tensor;
        PipelineSize = pipeline;
        DataSize = data;
        ExpertSize = expert;
        Order = order.IsDefault ? MegatronOrder : order;
        if (Order.Length != MegatronOrder.Length || MegatronOrder.Any(dimension => !Order.Contains(dimension)))
        {
            throw new ArgumentException($"The order must name every dimension once; it is {string.Join('-', Order)}.", nameof(order));
        }

        var strides = new int[MegatronOrder.Length];
        int stride = 1;
        foreach (ParallelDimension dimension in Order)
        {
            strides[(int)dimension] = stride;
            stride *= SizeOf(dimension);
        }

        _strides = [.. strides];
    }

    /// <summary>TP.</summary>
    public int TensorSize { get; }

    /// <summary>PP.</summary>
    public int PipelineSize { get; }

    /// <summary>DP.</summary>
    public int DataSize { get; }

    /// <summary>EP.</summary>
    public int ExpertSize { get; }

    /// <summary>The dimensions, the fastest first.</summary>
    public ImmutableArray<ParallelDimension> Order { get; }

    /// <summary>Ranks of the job: TP · DP · PP.</summary>
    public int WorldSize => TensorSize * DataSize * PipelineSize;

    /// <summary>A job of replicas of one rank each.</summary>
    /// <param name="ranks">1 or more.</param>
    public static Topology DataParallel(int ranks) => new(tensor: 1, pipeline: 1, data: ranks);

    /// <summary>Where a rank stands.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The job has no such rank.</exception>
    public RankCoordinates CoordinatesOf(Rank rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank.Value, nameof(rank));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank.Value, WorldSize, nameof(rank));
        int Along(ParallelDimension dimension) => rank.Value / _strides[(int)dimension] % SizeOf(dimension);
        int data = Along(ParallelDimension.Data);
        return new RankCoordinates(Along(ParallelDimension.Tensor), data, Along(ParallelDimension.Pipeline), data % ExpertSize);
    }

    /// <summary>Who stands there.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A coordinate is outside of the layout.</exception>
    public Rank RankOf(int tensor, int data, int pipeline)
    {
        int At(ParallelDimension dimension, int coordinate)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(coordinate, dimension.ToString());
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(coordinate, SizeOf(dimension), dimension.ToString());
            return coordinate * _strides[(int)dimension];
        }

        return new Rank(
            At(ParallelDimension.Tensor, tensor) + At(ParallelDimension.Data, data) + At(ParallelDimension.Pipeline, pipeline));
    }

    /// <summary>The ranks that share a process group with a rank, itself included, ascending.</summary>
    /// <param name="rank">Whose group.</param>
    /// <param name="kind">Which of its groups.</param>
    /// <exception cref="ArgumentOutOfRangeException">The job has no such rank, or there is no such kind.</exception>
    public ImmutableArray<Rank> MembersOf(Rank rank, GroupKind kind)
    {
        RankCoordinates at = CoordinatesOf(rank);
        IEnumerable<Rank> members = kind switch
        {
            GroupKind.Job => Enumerable.Range(0, WorldSize).Select(member => new Rank(member)),
            GroupKind.DataParallel => Enumerable.Range(0, DataSize).Select(data => RankOf(at.Tensor, data, at.Pipeline)),
            GroupKind.TensorParallel => Enumerable.Range(0, TensorSize).Select(tensor => RankOf(tensor, at.Data, at.Pipeline)),
            GroupKind.PipelineParallel => Enumerable.Range(0, PipelineSize).Select(stage => RankOf(at.Tensor, at.Data, stage)),
            GroupKind.ExpertParallel => Enumerable.Range(at.Data - at.Expert, ExpertSize).Select(data => RankOf(at.Tensor, data, at.Pipeline)),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such kind of group."),
        };
        return [.. members.Order()];
    }

    /// <summary>Compares sizes and order.</summary>
    public bool Equals(Topology? other) =>
        other is not null && TensorSize == other.TensorSize && PipelineSize == other.PipelineSize && DataSize == other.DataSize
        && ExpertSize == other.ExpertSize && Order.SequenceEqual(other.Order);

    /// <inheritdoc/>
    public override int GetHashCode() => (((((TensorSize * 31) + PipelineSize) * 31) + DataSize) * 31) + ExpertSize;

    /// <inheritdoc/>
    public override string ToString() => $"TP {TensorSize} × PP {PipelineSize} × DP {DataSize}, EP {ExpertSize}, {string.Join('-', Order)}";

    private int SizeOf(ParallelDimension dimension) => dimension switch
    {
        ParallelDimension.Tensor => TensorSize,
        ParallelDimension.Data => DataSize,
        _ => PipelineSize,
    };
}
