using System.Text;
using MixedFleet.Data;

namespace MixedFleet.Tests.Data;

public sealed class TextCorpusTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("corpus").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void FromFile_OfAGoodFile_HoldsItsBytes()
    {
        byte[] bytes = [.. Enumerable.Range(0, 400).Select(i => (byte)i)];
        string file = Write("text.bin", bytes);

        TextCorpus corpus = TextCorpus.FromFile(file, contextBytes: 16).Value!;

        corpus.Bytes.ToArray().Should().Equal(bytes);
        corpus.Description.Should().Be(file);
        corpus.Warnings.Should().BeEmpty();
    }

    [Fact]
    public void FromFile_ThatIsMissing_SaysSo() => ErrorOf(Path.Combine(_folder, "none.txt")).Should().EndWith("none.txt: no such file");

    [Fact]
    public void FromFile_InAFolderThatIsMissing_SaysSo() =>
        ErrorOf(Path.Combine(_folder, "none", "none.txt")).Should().EndWith("none.txt: no such file");

    [Fact]
    public void FromFile_ThatIsADirectory_SaysSo() => ErrorOf(_folder).Should().Be($"{_folder}: is a directory, not a file");

    [Fact]
    public void FromFile_WithoutAName_SaysSo() => ErrorOf(" ").Should().Be("the name of a file is empty");

    [Fact]
    public void FromFile_ThatIsEmpty_SaysSo() => ErrorOf(Write("empty.txt", [])).Should().EndWith("empty.txt: is empty");

    [Fact]
    public void FromFile_ThatIsTooShort_SaysHowMuchIsNeeded()
    {
        ErrorOf(Write("short.txt", new byte[271]))
            .Should().EndWith("short.txt: is too short: 271 bytes, and 16 bytes of context ask for 272 at least");
        TextCorpus.FromFile(Write("long-enough.txt", new byte[272]), 16).IsValid.Should().BeTrue();
    }

    [Fact]
    public void FromFile_ThatAnotherHolds_NamesTheFile()
    {
        string file = Write("held.txt", new byte[400]);
        using FileStream held = new(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        ErrorOf(file).Should().StartWith($"{file}: can't be read: ");
    }

    [Fact]
    public void FromRepository_FromAFolderDeepInside_TakesReadmeThenSourcesInOrder()
    {
        MakeRepository();
        string deep = Path.Combine(_folder, "src", "A", "bin");

        TextCorpus corpus = TextCorpus.FromRepository([Path.GetTempPath(), deep], contextBytes: 16).Value!;

        Encoding.UTF8.GetString(corpus.Bytes).Should().Be($"{Filled("readme")}{Filled("src/A/a.cs")}{Filled("src/B.cs")}");
        corpus.Description.Should().Contain("3 text files").And.Contain(_folder);
    }

    [Fact]
    public void FromRepository_BesideAnUnreadableFile_CountsTheOthersAndWarns()
    {
        MakeRepository();
        string held = Path.Combine(_folder, "src", "A", "a.cs");
        using FileStream holder = new(held, FileMode.Open, FileAccess.ReadWrite, FileShare.None);

        TextCorpus corpus = TextCorpus.FromRepository([_folder], contextBytes: 16).Value!;

        Encoding.UTF8.GetString(corpus.Bytes).Should().Be($"{Filled("readme")}{Filled("src/B.cs")}");
        corpus.Warnings.Should().ContainSingle().Which.Should().StartWith($"{held}: can't be read: ");
    }

    [Fact]
    public void FromRepository_OfManyBytes_StopsAtTheBound()
    {
        MakeRepository();
        Write(Path.Combine("src", "Large.cs"), new byte[TextCorpus.RepositoryBytesMax]);
        Write(Path.Combine("tests", "NeverRead.cs"), new byte[10]);

        TextCorpus.FromRepository([_folder], contextBytes: 16).Value!.Bytes.Length.Should().Be(TextCorpus.RepositoryBytesMax);
    }

    [Fact]
    public void FromRepository_WithoutOne_AsksForAText()
    {
        Checked<TextCorpus> result = TextCorpus.FromRepository([_folder], contextBytes: 16);
        result.IsValid.Should().BeFalse();
        result.Errors.Should().ContainSingle().Which.Should().Contain(_folder).And.Contain("--text FILE");
    }

    [Fact]
    public void FromRepository_WithTooLittleText_AsksForAText()
    {
        Write("StragglerGuard.sln", []);
        Write("README.md", "short"u8.ToArray());

        TextCorpus.FromRepository([_folder], contextBytes: 16).Errors
            .Should().ContainSingle().Which.Should().Contain("too short").And.Contain("--text FILE");
    }

    [Fact]
    public void FromRepository_OfThisRepository_FindsItsText()
    {
        Checked<TextCorpus> result = TextCorpus.FromRepository(contextBytes: 16);
        result.IsValid.Should().BeTrue(string.Join('\n', result.Errors));
    }

    [Fact]
    public void Fingerprint_OfEqualBytes_IsEqual()
    {
        byte[] bytes = new byte[400];
        ulong first = TextCorpus.FromFile(Write("a.txt", bytes), 16).Value!.Fingerprint;
        TextCorpus.FromFile(Write("b.txt", bytes), 16).Value!.Fingerprint.Should().Be(first);
        bytes[399] = 1;
        TextCorpus.FromFile(Write("c.txt", bytes), 16).Value!.Fingerprint.Should().NotBe(first);
    }

    private static string ErrorOf(string path)
    {
        Checked<TextCorpus> result = TextCorpus.FromFile(path, contextBytes: 16);
        result.IsValid.Should().BeFalse();
        return result.Errors.Should().ContainSingle().Subject;
    }

    private static string Filled(string text) => text.PadRight(200, '.');

    private string Write(string relative, byte[] bytes)
    {
        string path = Path.Combine(_folder, relative);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private void MakeRepository()
    {
        Write("StragglerGuard.sln", []);
        Write("README.md", Encoding.UTF8.GetBytes(Filled("readme")));
        Write(Path.Combine("src", "B.cs"), Encoding.UTF8.GetBytes(Filled("src/B.cs")));
        Write(Path.Combine("src", "A", "a.cs"), Encoding.UTF8.GetBytes(Filled("src/A/a.cs")));
        Write(Path.Combine("src", "A", "a.bin"), [1, 2, 3]);
        Write(Path.Combine("src", "A", "obj", "Generated.cs"), [1, 2, 3]);
        Write(Path.Combine("src", "A", "bin", "Copied.cs"), [1, 2, 3]);
    }
}
