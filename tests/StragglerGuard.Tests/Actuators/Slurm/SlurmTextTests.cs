using System.Globalization;
using StragglerGuard.Actuators.Slurm;

namespace StragglerGuard.Tests.Actuators.Slurm;

public sealed class SlurmTextTests
{
    // As scontrol 22.05 prints them.
    private const string Records = """
        NodeName=n1 Arch=x86_64 CoresPerSocket=1  CPUAlloc=0 CPUEfctv=1 CPUTot=1 CPULoad=0.66 AvailableFeatures=(null) NodeHostName=vm Port=27001 Version=22.05.8 OS=Linux 6.1.0 #1 SMP PREEMPT_DYNAMIC @0  RealMemory=100 State=IDLE ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A MCS_label=N/A Partitions=h100,debug  BootTime=2026-11-22T09:38:50 SlurmdStartTime=2026-11-22T12:50:28 ExtSensorsTemp=n/s
        NodeName=n2 Arch=x86_64 OS=Linux 6.1.0 State=IDLE+DRAIN ThreadsPerCore=1 Partitions=h100  BootTime=2026-11-22T09:38:50 ExtSensorsTemp=n/s Reason=stragglerguard:k-1 slow | State=IDLE Partitions=a100 [x] [root@2026-11-22T12:50:45]
        NodeName=n3 State=ALLOCATED*+DRAIN+NOT_RESPONDING Weight=1 BootTime=None Comment=ask Reason=none Reason=fan [kim@2026-11-22T12:50:45]
        NodeName=n4 State=DOWN* Weight=1 Partitions=a100 BootTime=None Reason=Not responding [slurm@2026-11-22T12:50:45]
        NodeName=n5 Weight=1
        slurm_load_node: something else
        """;

    [Fact]
    public void Nodes_OfRealRecords_ReadsStatePartitionsAndReason() =>
        SlurmText.Nodes(Records).Select(node => $"{node.Name}|{(node.IsDrained ? "drained" : "")}{(node.IsDown ? "down" : "")}|{string.Join(',', node.Partitions)}|{node.Reason}").Should().Equal(
            "n1||h100,debug|",
            "n2|drained|h100|stragglerguard:k-1 slow | State=IDLE Partitions=a100 [x]",
            "n3|drained||none Reason=fan",
            "n4|down|a100|Not responding");

    [Fact]
    public void Nodes_OfRecordsCutAnywhere_NeverThrows()
    {
        for (var length = 0; length <= Records.Length; length++)
        {
            SlurmText.Nodes(Records[..length]).Count().Should().BeLessThanOrEqualTo(4);
        }
    }

    [Theory]
    [InlineData("PartitionName=a AllowGroups=ALL Nodes=n[1-3],m7 State=UP TotalCPUs=4 TotalNodes=4 TRES=cpu=3", "a|n[1-3],m7|4")]
    [InlineData("PartitionName=a AllocNodes=ALL Nodes=(null) TotalNodes=0", "a||0")]
    [InlineData("PartitionName=a Nodes=n1", null)]
    [InlineData("Partition b not found", null)]
    [InlineData("", null)]
    public void Partition_OfRealRecords_ReadsItsNodes(string record, string? expected)
    {
        var read = SlurmText.Partition(record);
        (read is null ? null : $"{read.Name}|{read.NodeList}|{read.NodeCount}").Should().Be(expected);
    }

    [Theory]
    [InlineData("n1 n2 n3", "n[1-3]")]
    [InlineData("n1 n3 n4 n9 n10 n11", "n[1,3-4,9],n[10-11]")]
    [InlineData("n007 n008 n010", "n[007-008,010]")]
    [InlineData("login n5 n5", "login,n5")]
    [InlineData("r1-n1 r1-n2 r2-n1 1234", "1234,r1-n[1-2],r2-n1")]
    [InlineData("", "")]
    public void Compress_OfNames_IsSlurmsBracketForm(string names, string expected) =>
        SlurmNames.Compress(names.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Should().Be(expected);

    [Fact]
    public void Compress_ThenExpanded_GivesTheNamesBack()
    {
        for (var seed = 1; seed <= 300; seed++)
        {
            var random = new Random(seed);
            string[] prefixes = ["n", "gpu-", "r1-n", "x0y"];
            var names = Enumerable.Range(0, random.Next(1, 60))
                .Select(_ => prefixes[random.Next(4)] + random.Next(0, 120).ToString(random.Next(2) == 0 ? "D3" : "D1", CultureInfo.InvariantCulture))
                .ToHashSet();

            names.SetEquals(HostLists.Expand(SlurmNames.Compress(names))).Should().BeTrue("seed {0}", seed);
        }
    }

    [Fact]
    public void Compress_OfALargePartition_FitsIntoOneArgument() =>
        SlurmNames.Compress(Enumerable.Range(1, 100_000).Where(i => i != 777).Select(i => "node-" + i.ToString("D6", CultureInfo.InvariantCulture)))
            .Should().Be("node-[000001-000776,000778-100000]");
}
