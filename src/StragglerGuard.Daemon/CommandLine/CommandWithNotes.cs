using System.CommandLine;

namespace StragglerGuard.Daemon.CommandLine;

/// <summary>A command whose help ends with notes of its own, among them its exit codes, instead of those of the commands that judge files.</summary>
internal sealed class CommandWithNotes(string name, string description, IReadOnlyList<string> notes) : Command(name, description)
{
    /// <summary>Lines, as they are printed.</summary>
    public IReadOnlyList<string> Notes => notes;
}
