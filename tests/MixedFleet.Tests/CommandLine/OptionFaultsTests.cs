using MixedFleet.CommandLine;

namespace MixedFleet.Tests.CommandLine;

public sealed class OptionFaultsTests
{
    [Fact]
    public void Faults_OfOptions_AreALineEachWithTheFileAndNoParameter()
    {
        var refused = new ArgumentException("cluster.host: one\ncluster.port: two", "options");

        OptionFaults.Say("guard.json", refused).Split(Environment.NewLine).Should().Equal("guard.json: cluster.host: one", "guard.json: cluster.port: two");
        OptionFaults.Say(null, refused).Split(Environment.NewLine).Should().Equal("MixedFleet: cluster.host: one", "MixedFleet: cluster.port: two");
    }
}
