using System.Text;
using System.Text.Json;
using StragglerGuard.Daemon.CommandLine;

namespace StragglerGuard.Daemon.Tests;

/// <summary>The program, called as from a shell, with what it printed.</summary>
internal sealed record ProgramRun(int ExitCode, string Output, string Error)
{
    public static ProgramRun Of(params string[] args)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        int exitCode = ProgramCommands.Run(args, output, error);
        return new ProgramRun(exitCode, output.ToString(), error.ToString());
    }

    /// <summary>The last line of the output, which must be one JSON object.</summary>
    public JsonElement Json()
    {
        using JsonDocument document = JsonDocument.Parse(Output.TrimEnd('\r', '\n').Split('\n')[^1]);
        document.RootElement.ValueKind.Should().Be(JsonValueKind.Object);
        return document.RootElement.Clone();
    }
}

/// <summary>A folder of files that lives as long as a test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Directory.CreateDirectory(Root);

    public string Root { get; } = Path.Combine(Path.GetTempPath(), $"stragglerguard-{Guid.NewGuid():N}");

    public string Write(string name, string text)
    {
        string path = Path.Combine(Root, name);
        File.WriteAllText(path, text, new UTF8Encoding(false));
        return path;
    }

    public string PathOf(string name) => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
