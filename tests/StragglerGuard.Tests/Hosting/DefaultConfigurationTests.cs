using System.Text.Json;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Hosting;

public sealed class DefaultConfigurationTests
{
    private static readonly string s_path = RepositoryRoot.PathOf("config", "stragglerguard.json");

    [Fact]
    public void ConfigurationFile_Read_EqualsTheDefaults()
    {
        var outcome = OptionsReader.ReadFile(s_path);

        outcome.Errors.Should().BeEmpty();
        outcome.Options.Should().Be(new StragglerGuardOptions());
    }

    [Fact]
    public void ConfigurationFile_HasEveryKeyAndNoOther()
    {
        using var document = JsonDocument.Parse(
            File.ReadAllBytes(s_path), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip });

        PathsOf(document.RootElement, "").Should().Equal(OptionTable.Root.Settings.Select(key => key.Path));
    }

    [Fact]
    public void ConfigurationFile_HasACommentAboveEveryKey()
    {
        var lines = File.ReadAllLines(s_path).Select(line => line.Trim()).ToArray();
        for (var i = 1; i < lines.Length; i++)
        {
            if (lines[i].StartsWith('"'))
            {
                lines[i - 1].Should().StartWith("// ", "line {0} holds the key {1}", i + 1, lines[i]);
            }
        }
    }

    [Fact]
    public void Defaults_AreInTheirOwnRanges() => OptionsReader.Check(new StragglerGuardOptions()).Errors.Should().BeEmpty();

    private static IEnumerable<string> PathsOf(JsonElement element, string prefix) =>
        element.EnumerateObject().SelectMany(property => property.Value.ValueKind == JsonValueKind.Object
            ? PathsOf(property.Value, prefix + property.Name + ".")
            : [prefix + property.Name]);
}
