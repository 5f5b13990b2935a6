namespace StragglerGuard.Core.Tests.Identities;

public sealed class TopologyTests
{
    // Megatron-LM, tp 2, pp 4, 16 ranks (the example in parallel_state.py's own documentation): dp 2.
    private static readonly Topology Megatron = new(tensor: 2, pipeline: 4, data: 2);

    [Theory]
    [InlineData(0, new[] { 0, 1 }, new[] { 0, 2 }, new[] { 0, 4, 8, 12 })]
    [InlineData(7, new[] { 6, 7 }, new[] { 5, 7 }, new[] { 3, 7, 11, 15 })]
    [InlineData(13, new[] { 12, 13 }, new[] { 13, 15 }, new[] { 1, 5, 9, 13 })]
    public void MembersOf_MegatronsExample_AreItsGroups(int rank, int[] tensor, int[] data, int[] pipeline)
    {
        Members(Megatron, rank, GroupKind.TensorParallel).Should().Equal(tensor);
        Members(Megatron, rank, GroupKind.DataParallel).Should().Equal(data);
        Members(Megatron, rank, GroupKind.PipelineParallel).Should().Equal(pipeline);
        Members(Megatron, rank, GroupKind.Job).Should().Equal(Enumerable.Range(0, 16));
    }

    [Fact]
    public void RankOf_EveryCoordinate_IsTheInverseInEveryOrder()
    {
        ParallelDimension[] dimensions = [ParallelDimension.Tensor, ParallelDimension.Data, ParallelDimension.Pipeline];
        foreach (int[] order in new int[][] { [0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0] })
        {
            var topology = new Topology(2, 3, 4, expert: 2, [.. order.Select(index => dimensions[index])]);

            foreach (int rank in Enumerable.Range(0, topology.WorldSize))
            {
                RankCoordinates at = topology.CoordinatesOf(new Rank(rank));
                topology.RankOf(at.Tensor, at.Data, at.Pipeline).Should().Be(new Rank(rank), $"{topology}");
            }
        }
    }

    [Fact]
    public void MembersOf_ExpertParallel_DivideTheReplicas()
    {
        var topology = new Topology(tensor: 1, pipeline: 1, data: 8, expert: 4);

        Members(topology, 2, GroupKind.ExpertParallel).Should().Equal(0, 1, 2, 3);
        Members(topology, 5, GroupKind.ExpertParallel).Should().Equal(4, 5, 6, 7);
        topology.CoordinatesOf(new Rank(6)).Expert.Should().Be(2);
    }

    [Fact]
    public void DataParallel_PlainJob_EveryRankIsAReplica()
    {
        var topology = Topology.DataParallel(5);

        topology.WorldSize.Should().Be(5);
        topology.CoordinatesOf(new Rank(3)).Should().Be(new RankCoordinates(0, 3, 0, 0));
        topology.Should().Be(new Topology(1, 1, 5));
    }

    [Fact]
    public void Constructor_ImpossibleLayouts_Throw()
    {
        FluentActions.Invoking(() => new Topology(0, 1, 1)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new Topology(1, 1, 6, expert: 4)).Should().Throw<ArgumentException>().WithMessage("*EP = 4*DP = 6*");
        FluentActions.Invoking(() => new Topology(1 << 20, 1 << 10, 1 << 10)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new Topology(1, 1, 1, 1, [ParallelDimension.Data, ParallelDimension.Data, ParallelDimension.Tensor]))
            .Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => Megatron.CoordinatesOf(new Rank(16))).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => Megatron.RankOf(0, 2, 0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    private static IEnumerable<int> Members(Topology topology, int rank, GroupKind kind) =>
        topology.MembersOf(new Rank(rank), kind).Select(member => member.Value);
}
