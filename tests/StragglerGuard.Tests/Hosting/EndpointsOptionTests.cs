using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Hosting;

public sealed class EndpointsOptionTests
{
    [Fact]
    public void TryRead_OfNamesAndAddresses_GivesThemInOrder() =>
        EndpointsOptionAttribute.TryRead("guardian-0:4053, 10.0.0.7:1,[::1]:65535").Should().Equal(
            new ClusterEndpoint("guardian-0", 4053), new ClusterEndpoint("10.0.0.7", 1), new ClusterEndpoint("::1", 65535));

    [Fact]
    public void TryRead_OfNothing_GivesNone() => EndpointsOptionAttribute.TryRead("").Should().BeEmpty();

    [Theory]
    [InlineData("guardian-0")]
    [InlineData("guardian-0:")]
    [InlineData(":4053")]
    [InlineData("guardian-0:0")]
    [InlineData("guardian-0:65536")]
    [InlineData("guardian-0:+1")]
    [InlineData("::1:4053")]
    [InlineData("[guardian-0]:4053")]
    [InlineData("a:1, a:1")]
    [InlineData("a b:1")]
    [InlineData("http://a:1")]
    public void TryRead_OfWhatIsNoSuchList_GivesNull(string text) => EndpointsOptionAttribute.TryRead(text).Should().BeNull();

    [Fact]
    public void TryRead_OfMoreThanNine_GivesNull()
    {
        string nine = string.Join(',', Enumerable.Range(1, 9).Select(port => $"a:{port}"));

        EndpointsOptionAttribute.TryRead(nine).Should().HaveCount(9);
        EndpointsOptionAttribute.TryRead($"{nine},a:10").Should().BeNull();
    }
}
