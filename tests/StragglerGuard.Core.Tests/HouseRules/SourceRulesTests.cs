using System.Text.RegularExpressions;

namespace StragglerGuard.Core.Tests.HouseRules;

public sealed partial class SourceRulesTests
{
    private const int LinesMax = 600;

    [Fact]
    public void Core_InEveryLine_IsFreeOfThreadsLocksClocksAndChance()
    {
        List<string> found = [.. Repository.SourceFiles("src", "StragglerGuard.Core").SelectMany(path => Find(path, File.ReadAllText(path), Impure()))];
        found.Should().BeEmpty("Core is pure: time and order arrive with the data");
    }

    [Theory]
    [InlineData("lock (gate) { }")]
    [InlineData("private volatile int x;")]
    [InlineData("values.AsParallel();")]
    [InlineData("async Task Run()")]
    [InlineData("ValueTask<int> Run()")]
    [InlineData("new Thread(Run)")]
    [InlineData("Interlocked.Increment(ref x)")]
    [InlineData("Stopwatch.GetTimestamp()")]
    [InlineData("DateTimeOffset.UtcNow")]
    [InlineData("DateTime . Now")]
    [InlineData("unsafe { }")]
    [InlineData("Random.Shared")]
    [InlineData("Guid.NewGuid()")]
    [InlineData("Environment.TickCount64")]
    [InlineData("Console.WriteLine(1)")]
    [InlineData("File.ReadAllText(path)")]
    public void ImpureRule_OnWhatItBans_SeesIt(string code) => Find("x.cs", code, Impure()).Should().NotBeEmpty();

    [Theory]
    [InlineData("int blocks = clock + threadCount; // lock")]
    [InlineData("string text = \"async Task\";")]
    [InlineData("TaskList unlock; DateTime when;")]
    public void ImpureRule_OnInnocentCode_IsSilent(string code) => Find("x.cs", code, Impure()).Should().BeEmpty();

    [Fact]
    public void SourceFiles_Everywhere_AreShortEnoughToRead() =>
        AllSources().Select(path => (Path: Repository.Relative(path), Lines: File.ReadLines(path).Count()))
            .Where(file => file.Lines > LinesMax).Should().BeEmpty();

    [Fact]
    public void Names_OfFilesFoldersAndTypes_SayWhatTheyAreFor()
    {
        IEnumerable<string> files = AllSources().Select(Repository.Relative)
            .Where(path => path.Split('/').Select(Path.GetFileNameWithoutExtension).Any(part => Vague().IsMatch(part!)));
        IEnumerable<string> types = TypesIn("src", "samples").Where(type => Vague().IsMatch(type.Name)).Select(type => $"{type.Path}: {type.Name}");
        files.Concat(types).Should().BeEmpty();
    }

    [Theory]
    [InlineData("StringUtils", true)]
    [InlineData("RingHelper", true)]
    [InlineData("Common", true)]
    [InlineData("PlanManager", true)]
    [InlineData("CommonShiftDetected", false)]
    [InlineData("ManagerialOverhead", false)]
    public void VagueRule_OnANameAsAWhole_LooksAtItsLastWord(string name, bool isVague) => Vague().IsMatch(name).Should().Be(isVague);

    [Fact]
    public void Types_Everywhere_BearNoFoldersName()
    {
        HashSet<string> folders = [.. AllSources().SelectMany(path => Repository.Relative(path).Split('/')[..^1])];
        TypesIn("src", "samples").Where(type => folders.Contains(type.Name)).Should().BeEmpty();
    }

    private static IEnumerable<string> AllSources() => new[] { "src", "samples", "tests" }.SelectMany(folder => Repository.SourceFiles(folder));

    private static IEnumerable<(string Path, string Name)> TypesIn(params string[] folders) =>
        from folder in folders
        from path in Repository.SourceFiles(folder)
        from Match match in TypeDeclaration().Matches(SourceText.CodeOnly(File.ReadAllText(path)))
        select (Repository.Relative(path), match.Groups["name"].Value);

    private static IEnumerable<string> Find(string path, string source, Regex rule)
    {
        string code = SourceText.CodeOnly(source);
        foreach (Match match in rule.Matches(code))
        {
            int line = 1 + code.AsSpan(0, match.Index).Count('\n');
            yield return $"{Repository.Relative(path)}:{line}: {match.Value}";
        }
    }

    [GeneratedRegex(@"\b(lock|volatile|unsafe|async|await|fixed|AsParallel|(Value)?Task|Parallel|Thread|ThreadPool|ThreadLocal|AsyncLocal|Interlocked|Volatile|Monitor|Mutex|SemaphoreSlim|Timer|PeriodicTimer|Channel|Stopwatch|TimeProvider|Environment|Console|Random|RandomNumberGenerator|HashCode|NewGuid|File|Directory|Stream|Socket|HttpClient|Process|TickCount(64)?)\b|\bDateTime(Offset)?\s*\.\s*(Utc)?(Now|Today)\b")]
    private static partial Regex Impure();

    [GeneratedRegex("(Utils?|Utilit(y|ies)|Helpers?|Common|Managers?|Misc|Miscellaneous)$")]
    private static partial Regex Vague();

    [GeneratedRegex(@"\b(class|struct|interface|enum|record(\s+(class|struct))?)\s+(?<name>[A-Z]\w*)")]
    private static partial Regex TypeDeclaration();
}
