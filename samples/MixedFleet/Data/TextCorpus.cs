namespace MixedFleet.Data;

/// <summary>The text that the model learns: bytes, in a fixed order.</summary>
internal sealed class TextCorpus
{
    /// <summary>A text must give at least so many different samples.</summary>
    public const int SamplesMin = 256;

    /// <summary>Bytes taken from one file named by the user; what follows is not read.</summary>
    public const int FileBytesMax = 64 * 1024 * 1024;

    /// <summary>Bytes taken from the files of the repository.</summary>
    public const int RepositoryBytesMax = 2 * 1024 * 1024;

    private const string RootMark = "StragglerGuard.sln";

    private static readonly string[] SourceFolders = ["samples", "src", "tests"];

    private readonly byte[] _bytes;

    private TextCorpus(byte[] bytes, string description, IReadOnlyList<string> warnings)
    {
        _bytes = bytes;
        Description = description;
        Warnings = warnings;
        Fingerprint = CounterHash.OfBits<byte>(bytes);
    }

    /// <summary>The text.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Where it came from, for the user.</summary>
    public string Description { get; }

    /// <summary>One line per file that was left out because it could not be read.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Equal where the bytes are equal: ranks that hold different texts must not train together.</summary>
    public ulong Fingerprint { get; }

    /// <summary>Reads one file.</summary>
    /// <param name="path">As the user gave it; pipes and devices are read too.</param>
    /// <param name="contextBytes">Bytes of context of one sample, 1 or more.</param>
    public static Checked<TextCorpus> FromFile(string path, int contextBytes)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(contextBytes);
        if (!BoundedFile.TryRead(path, FileBytesMax, out byte[]? bytes, out string? error))
        {
            return Checked<TextCorpus>.Bad(error);
        }

        return TooShort(bytes.Length, contextBytes) is { } fault
            ? Checked<TextCorpus>.Bad($"{path}: {fault}")
            : Checked<TextCorpus>.Good(new TextCorpus(bytes, path, []));
    }

    /// <summary>Reads the text files of the repository that the program runs from: README.md, then *.cs by ordinal path.</summary>
    /// <param name="contextBytes">Bytes of context of one sample, 1 or more.</param>
    public static Checked<TextCorpus> FromRepository(int contextBytes) =>
        FromRepository([Directory.GetCurrentDirectory(), AppContext.BaseDirectory], contextBytes);

    /// <summary>Reads the text files of the repository that holds one of some folders.</summary>
    /// <param name="startFolders">Searched upwards, one after the other, for the folder that holds StragglerGuard.sln.</param>
    /// <param name="contextBytes">Bytes of context of one sample, 1 or more.</param>
    public static Checked<TextCorpus> FromRepository(IReadOnlyList<string> startFolders, int contextBytes)
    {
        ArgumentNullException.ThrowIfNull(startFolders);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(contextBytes);
        string? root = startFolders.Select(FindRoot).FirstOrDefault(folder => folder is not null);
        if (root is null)
        {
            return Checked<TextCorpus>.Bad(
                $"no text to train on: no {RootMark} in or above {string.Join(" or ", startFolders)}; name a text with --text FILE");
        }

        using MemoryStream text = new();
        List<string> warnings = [];
        int files = 0;
        foreach (string file in TextFiles(root))
        {
            int room = RepositoryBytesMax - (int)text.Length;
            if (room == 0)
            {
                break;
            }

            if (BoundedFile.TryRead(file, room, out byte[]? bytes, out string? error))
            {
                text.Write(bytes);
                files++;
            }
            else
            {
                warnings.Add(error);
            }
        }

        if (TooShort((int)text.Length, contextBytes) is { } fault)
        {
            return Checked<TextCorpus>.Bad([$"{root}: its {files} text files: {fault}; name a text with --text FILE", .. warnings]);
        }

        return Checked<TextCorpus>.Good(new TextCorpus(text.ToArray(), $"{files} text files of {root}", warnings));
    }

    /// <summary>The nearest folder, from the given one upwards, that holds StragglerGuard.sln; null where none does.</summary>
    public static string? FindRoot(string startFolder)
    {
        for (DirectoryInfo? folder = new(startFolder); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, RootMark)))
            {
                return folder.FullName;
            }
        }

        return null;
    }

    private static IEnumerable<string> TextFiles(string root)
    {
        EnumerationOptions options = new()
        {
            RecurseSubdirectories = true,
            IgnoreInaccessible = true,
            AttributesToSkip = FileAttributes.ReparsePoint | FileAttributes.Hidden,
        };
        string readme = Path.Combine(root, "README.md");
        IEnumerable<string> sources = SourceFolders
            .Select(folder => Path.Combine(root, folder))
            .Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs", options))
            .Select(file => (Path: file, Relative: Path.GetRelativePath(root, file).Replace('\\', '/')))
            .Where(file => !IsBuildOutput(file.Relative))
            .OrderBy(file => file.Relative, StringComparer.Ordinal)
            .Select(file => file.Path);
        return File.Exists(readme) ? sources.Prepend(readme) : sources;
    }

    // What the compiler generates differs from machine to machine, and between two ranks that start while it builds.
    private static bool IsBuildOutput(string relative) =>
        relative.Contains("/bin/", StringComparison.Ordinal) || relative.Contains("/obj/", StringComparison.Ordinal);

    private static string? TooShort(int length, int contextBytes)
    {
        long needed = (long)contextBytes + SamplesMin;
        return length == 0 ? "is empty"
            : length < needed ? $"is too short: {length} bytes, and {contextBytes} bytes of context ask for {needed} at least"
            : null;
    }
}
