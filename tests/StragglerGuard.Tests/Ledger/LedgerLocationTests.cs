using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Ledger;

public sealed class LedgerLocationTests
{
    private const string Secret = "hunter2-p@ss";
    private const string SecretInUri = "hunter2-p%40ss";

    [Theory]
    [InlineData("a.ledger", "a.ledger")]
    [InlineData("  /var/lib/a.ledger ", "/var/lib/a.ledger")]
    [InlineData("sqlite:a.ledger", "a.ledger")]
    [InlineData("SQLite:./x/a.ledger", "./x/a.ledger")]
    [InlineData("sqlite:///var/a.ledger", "/var/a.ledger")]
    [InlineData("lr=0.1;run.ledger", "lr=0.1;run.ledger")]
    [InlineData(LedgerLocation.DefaultPath, "stragglerguard.ledger")]
    public void Location_OfAFile_IsItsPath(string text, string path)
    {
        LedgerLocation.Parse(text).FilePath.Should().Be(path);
        LedgerLocation.Parse(text).ToString().Should().Be(path);
    }

    [Theory]
    [InlineData("postgres://guard:" + SecretInUri + "@db.example:6543/fleet", "postgres://guard@db.example:6543/fleet")]
    [InlineData("postgresql://guard:" + SecretInUri + "@db.example/fleet?sslmode=require", "postgres://guard@db.example:5432/fleet")]
    [InlineData("postgres://db.example/fleet?user=guard&password=" + SecretInUri, "postgres://guard@db.example:5432/fleet")]
    [InlineData("postgres:///fleet?host=/run/postgresql", "postgres:///run/postgresql:5432/fleet")]
    [InlineData("Host=db.example;Database=fleet;Username=guard;Password=" + Secret, "postgres://guard@db.example:5432/fleet")]
    [InlineData("host = db.example ; dbname = fleet; Search Path = ledgers", "postgres://db.example:5432/fleet?search path=ledgers")]
    [InlineData("Password='" + Secret + "';Server=db.example;User Id=guard;Port=1", "postgres://guard@db.example:1/guard")]
    public void Location_OfADatabase_IsShownWithoutItsPassword(string text, string shown)
    {
        LedgerLocation location = LedgerLocation.Parse(text);

        location.FilePath.Should().BeNull();
        location.ToString().Should().Be(shown);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("   ", "empty")]
    [InlineData(null, "empty")]
    [InlineData("sqlite:", "names no file")]
    [InlineData("sqlite://server/a", "a file on this machine")]
    [InlineData("a\0b", "names no file")]
    [InlineData("mysql://root:" + SecretInUri + "@x/y", "'mysql://', which is not known")]
    [InlineData("postgres://guard:" + Secret + "@bad host/x", "postgres://user@host:port/database")]
    [InlineData("postgres://db:99999999/x?password=" + SecretInUri, "postgres://user@host:port/database")]
    [InlineData("postgres:///x?password=" + SecretInUri, "names no host")]
    [InlineData("postgres://db/x?colour=" + SecretInUri, "'colour'")]
    [InlineData("postgres://db/x?sslmode=" + SecretInUri, "'SSL Mode'")]
    [InlineData("Host=db;Port=" + Secret, "'port'")]
    [InlineData("Host=db;Timeout=" + Secret, "'timeout'")]
    [InlineData("Host=db;Colour=" + Secret, "'colour'")]
    [InlineData("Host=db;" + Secret, "key=value")]
    [InlineData("Database=fleet;Password=" + Secret, "names no host")]
    public void Location_ThatIsNone_IsRefusedWithTheReasonAndWithoutThePassword(string? text, string reason)
    {
        LedgerLocation.TryParse(text, out LedgerLocation? location, out string why).Should().BeFalse();

        location.Should().BeNull();
        why.Should().Contain(reason).And.NotContain("hunter2");
        FluentActions.Invoking(() => LedgerLocation.Parse(text ?? "")).Should().Throw<LedgerException>()
            .Which.ToString().Should().NotContain("hunter2");
    }

    [Fact]
    public void Server_ThatIsAskedForAContradiction_IsNamed()
    {
        LedgerLocation location = LedgerLocation.Parse("Host=127.0.0.1;Port=1;Database=x;SSL Mode=Disable;SSL Negotiation=Direct;Password=" + Secret);

        foreach (Action open in new Action[] { () => location.Open().Dispose(), () => location.OpenRead().Dispose() })
        {
            open.Should().Throw<LedgerException>().WithMessage("postgres://127.0.0.1:1/x: it can't be opened: SSL Mode *").Which.ToString().Should().NotContain("hunter2");
        }
    }

    [Theory]
    [InlineData("Host=127.0.0.1;Port=1;Database=x;Username=guard;Password=" + Secret)]
    [InlineData("postgres://guard:" + SecretInUri + "@127.0.0.1:1/x")]
    public void Server_ThatIsNotThere_IsSaidWithoutThePassword(string text)
    {
        LedgerLocation location = LedgerLocation.Parse(text);

        foreach (Action open in new Action[] { () => location.Open().Dispose(), () => location.OpenRead().Dispose() })
        {
            LedgerException fault = open.Should().Throw<LedgerException>().Which;
            fault.Message.Should().StartWith("postgres://guard@127.0.0.1:1/x: the server can't be reached: Failed to connect to 127.0.0.1:1: ", "the reason follows");
            fault.ToString().Should().NotContain("hunter2");
        }
    }
}
