using System.Xml.Linq;

namespace StragglerGuard.Core.Tests.HouseRules;

public sealed class ProjectEdgesTests
{
    // From left to right; a project may reference what stands further right. The adapters stand side by side and know nothing of each other.
    private static readonly Dictionary<string, int> Order = new()
    {
        ["StragglerGuard.Daemon"] = 0,
        ["StragglerGuard.AkkaCluster"] = 1,
        ["StragglerGuard.Ilgpu"] = 1,
        ["StragglerGuard.PrometheusNet"] = 1,
        ["StragglerGuard"] = 2,
        ["StragglerGuard.Collectives"] = 3,
        ["StragglerGuard.Core"] = 4,
    };

    public static TheoryData<string> Projects => [.. Repository.Projects("src").Select(path => Path.GetFileNameWithoutExtension(path))];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_InSrc_ReferencesOnlyWhatStandsToItsRight(string project)
    {
        Order.Should().ContainKey(project, "a new project needs its place in the order");
        References(project, "ProjectReference").Select(NameOf)
            .Where(target => !Order.TryGetValue(target, out int place) || place <= Order[project])
            .Should().BeEmpty();
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_InSrc_HasATestProjectOfItsName(string project)
    {
        string tests = Path.Combine(Repository.Root, "tests", $"{project}.Tests", $"{project}.Tests.csproj");
        File.Exists(tests).Should().BeTrue($"{Repository.Relative(tests)} mirrors it");
        XDocument.Load(tests).Descendants("ProjectReference").Select(reference => NameOf(reference.Attribute("Include")!.Value))
            .Should().Contain(project);
    }

    [Fact]
    public void Core_OfPackages_HasOnlyItsAnalyzer()
    {
        References("StragglerGuard.Core", "PackageReference").Should().Equal("Microsoft.CodeAnalysis.BannedApiAnalyzers");
        References("StragglerGuard.Core", "ProjectReference").Should().BeEmpty();
        References("StragglerGuard.Core", "FrameworkReference").Should().BeEmpty();
    }

    [Fact]
    public void Build_ForEveryProject_SwitchesTransitiveProjectReferencesOff() =>
        XDocument.Load(Path.Combine(Repository.Root, "Directory.Build.props"))
            .Descendants("DisableTransitiveProjectReferences").Select(element => element.Value).Should().Equal("true");

    private static IEnumerable<string> References(string project, string kind) =>
        XDocument.Load(Path.Combine(Repository.Root, "src", project, $"{project}.csproj"))
            .Descendants(kind).Select(element => element.Attribute("Include")!.Value);

    private static string NameOf(string include) => Path.GetFileNameWithoutExtension(include.Replace('\\', '/'));
}
