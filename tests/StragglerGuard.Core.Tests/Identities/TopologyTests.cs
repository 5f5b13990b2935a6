using FsCheck;
using FsCheck.Fluent;

namespace StragglerGuard.Core.Tests.Identities;

public sealed class TopologyTests
{
    [Fact]
    public void Positions_OfMegatronsExample_AreItsOwn()
    {
        // Megatron-LM's documentation of its groups: 16 ranks, TP 2, PP 4.
        var layout = new Topology(tensorParallel: 2, pipelineParallel: 4, dataParallel: 2);
        Groups(layout, GroupKind.TensorParallel).Should().Equal("0 1", "2 3", "4 5", "6 7", "8 9", "10 11", "12 13", "14 15");
        Groups(layout, GroupKind.DataParallel).Should().Equal("0 2", "1 3", "4 6", "5 7", "8 10", "9 11", "12 14", "13 15");
        Groups(layout, GroupKind.PipelineParallel).Should().Equal("0 4 8 12", "1 5 9 13", "2 6 10 14", "3 7 11 15");
        Groups(layout, GroupKind.Job).Should().ContainSingle();
        layout.PositionOf(new Rank(11)).Should().Be(new RankPosition(Tensor: 1, Stage: 2, Replica: 1));
    }

    [Fact]
    public void ExpertGroups_LieWithinTheReplicasOfAStage()
    {
        var layout = new Topology(tensorParallel: 1, pipelineParallel: 2, dataParallel: 4, expertParallel: 2);
        Groups(layout, GroupKind.ExpertParallel).Should().Equal("0 1", "2 3", "4 5", "6 7");
        layout.PositionOf(new Rank(3)).Expert.Should().Be(1);
    }

    [Fact]
    public void PositionsAndGroups_OfAnyLayout_CoverEveryRankOnce()
    {
        Gen<int> size = Gen.Choose(1, 5);
        Gen<Topology> layouts =
            from tensor in size
            from pipeline in size
            from experts in size
            from times in Gen.Choose(1, 3)
            select new Topology(tensor, pipeline, experts * times, experts);
        Prop.ForAll(
            layouts.ToArbitrary(),
            layout =>
            {
                IEnumerable<Rank> all = Enumerable.Range(0, layout.Ranks).Select(rank => new Rank(rank));
                bool roundTrips = all.All(rank => layout.RankAt(layout.PositionOf(rank)) == rank);
                bool covers = Enum.GetValues<GroupKind>().All(kind =>
                    Enumerable.Range(0, layout.GroupCount(kind)).SelectMany(index => layout.MembersOf(kind, index)).Order().SequenceEqual(all));
                bool replicaIsOne = Enumerable.Range(0, layout.GroupCount(GroupKind.PipelineParallel))
                    .All(index => layout.MembersOf(GroupKind.PipelineParallel, index).Select(rank => layout.PositionOf(rank).Replica).Distinct().Count() == 1);
                return roundTrips && covers && replicaIsOne;
            }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Topology_WithNonsense_IsRefused()
    {
        Action none = () => _ = new Topology(0, 1, 1);
        Action uneven = () => _ = new Topology(1, 1, 4, 3);
        Action rank = () => new Topology(1, 1, 4).PositionOf(new Rank(4));
        Action group = () => new Topology(1, 1, 4).MembersOf(GroupKind.DataParallel, 1);
        none.Should().Throw<ArgumentOutOfRangeException>();
        uneven.Should().Throw<ArgumentException>();
        rank.Should().Throw<ArgumentOutOfRangeException>();
        group.Should().Throw<ArgumentOutOfRangeException>();
    }

    private static IEnumerable<string> Groups(Topology layout, GroupKind kind) =>
        Enumerable.Range(0, layout.GroupCount(kind)).Select(index => string.Join(' ', layout.MembersOf(kind, index).Select(rank => rank.Value)));
}
