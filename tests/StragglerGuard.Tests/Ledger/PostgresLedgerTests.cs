using Npgsql;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Ledger;

[NeedsPostgres]
public sealed class PostgresLedgerTests(PostgresUnderTest server) : DurableLedgerTests, IClassFixture<PostgresUnderTest>
{
    // Whoever holds the claim: the class of the lock is "SGLG".
    private const string EndHolder =
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid::bigint = 1397181511 "
        + "AND objid = 'stragglerguard_entries'::regclass::oid";

    protected override string NewPlace() => server.NewPlace();

    protected override void Change(string place, string statement) =>
        PostgresUnderTest.Execute(place, "DROP TRIGGER IF EXISTS stragglerguard_no_change ON stragglerguard_entries; " + statement);

    protected override bool HasJobIndex(string place) =>
        PostgresUnderTest.Execute(place, "SELECT to_regclass('stragglerguard_entries_of_job')::text") is string;

    [LedgerFact]
    public void Ledger_WhoseTableIsSomebodyElses_GoesOnWithoutTheIndex()
    {
        string place = NewPlace();
        Open(place).Dispose();
        const string Role = "CREATE ROLE lodger LOGIN; GRANT USAGE ON SCHEMA SCHEMA_NAME TO lodger; "
            + "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA SCHEMA_NAME TO lodger";
        PostgresUnderTest.Execute(place, "DROP INDEX stragglerguard_entries_of_job");
        PostgresUnderTest.Execute(place, Role.Replace("SCHEMA_NAME", new NpgsqlConnectionStringBuilder(place).SearchPath, StringComparison.Ordinal));

        using DurableLedger ledger = Open(place + ";Username=lodger");
        Fill(ledger, 2);

        HasJobIndex(place).Should().BeFalse();
        ledger.ReadJob(Decision(1).Job).Should().HaveCount(2);
    }

    [LedgerFact]
    public void Append_AfterItsSessionWasEnded_StandsOnce()
    {
        string place = NewPlace();
        using DurableLedger ledger = Open(place);
        Fill(ledger, 2);
        PostgresUnderTest.Execute(place, EndHolder).Should().Be(true);

        ledger.Append(3, Now, Decision(3)).Should().Be(new AppendOutcome(Appended: true, 3));

        ledger.ClaimLostReason.Should().BeNull();
        ledger.Read().Should().Equal(Enumerable.Range(1, 3).Select(i => new LedgerEntry(i, Now, Decision(i))));
        FluentActions.Invoking(() => Open(place)).Should().Throw<LedgerClaimedException>("it was claimed again");
    }

    [LedgerFact]
    public void Append_WhenAnotherHasTakenTheClaim_IsRefusedUntilItIsClaimedAgain()
    {
        string place = NewPlace();
        using DurableLedger ledger = Open(place);
        Fill(ledger, 2);
        PostgresUnderTest.Execute(place, EndHolder).Should().Be(true);
        using (DurableLedger other = Open(place))
        {
            other.Append(3, Now, Decision(33)).Appended.Should().BeTrue();

            ledger.Invoking(l => l.Append(3, Now, Decision(3))).Should().Throw<LedgerClaimLostException>().WithMessage("*is written by stragglerguard process*");
            ledger.Invoking(l => l.Append(4, Now, Decision(4))).Should().Throw<LedgerClaimLostException>();
            ledger.ClaimLostReason.Should().Contain("is written by");
            ledger.Invoking(l => l.Reclaim()).Should().Throw<LedgerClaimedException>();
            ledger.Read().Should().HaveCount(3, "reading needs no claim");
        }

        ledger.Invoking(l => l.Append(4, Now, Decision(4))).Should().Throw<LedgerClaimLostException>("it was not claimed again yet");
        ledger.Reclaim();
        ledger.ClaimLostReason.Should().BeNull();
        ledger.Append(3, Now, Decision(3)).Should().Be(new AppendOutcome(Appended: false, 3));
        ledger.Append(4, Now, Decision(4)).Should().Be(new AppendOutcome(Appended: true, 4));
        ledger.Read().Select(entry => entry.Decision).Should().Equal(Decision(1), Decision(2), Decision(33), Decision(4));
    }

    [LedgerTheory]
    [InlineData(CutLine.BeforeTheRequest, false)]
    [InlineData(CutLine.BeforeTheRequest, true)]
    [InlineData(CutLine.BeforeTheAnswer, false)]
    [InlineData(CutLine.BeforeTheAnswer, true)]
    public void Append_WhoseConnectionBreaks_StandsOnceWhateverTheServerGotToSee(CutLine when, bool serverNotices)
    {
        string place = NewPlace();
        using var line = new CutLineProxy(server.SocketPath);
        using DurableLedger ledger = Open($"{place};Host=127.0.0.1;Port={line.Port};SSL Mode=Disable");
        Fill(ledger, 2);

        line.CutNext(when, serverNotices);
        ledger.Append(3, Now, Decision(3)).Should().Be(new AppendOutcome(Appended: true, 3));

        line.Cuts.Should().Be(1, "the connection broke");
        ledger.Append(4, Now, Decision(4)).Should().Be(new AppendOutcome(Appended: true, 4));
        ledger.Read().Should().Equal(Enumerable.Range(1, 4).Select(i => new LedgerEntry(i, Now, Decision(i))));
    }

    [LedgerFact]
    public void Append_WhileTheServerIsGone_SaysThatItIsNotKnownAndStandsOnceAfterwards()
    {
        string place = NewPlace();
        using var line = new CutLineProxy(server.SocketPath);
        using DurableLedger ledger = Open($"{place};Host=127.0.0.1;Port={line.Port};SSL Mode=Disable");
        Fill(ledger, 2);

        line.CutNext(CutLine.BeforeTheAnswer, serverNotices: true, refuseAfterwards: true);
        ledger.Invoking(l => l.Append(3, Now, Decision(3))).Should().Throw<LedgerException>().WithMessage("*entry 3*can't be found out yet*");
        ledger.Invoking(l => l.Append(3, Now, Decision(3))).Should().Throw<LedgerClaimLostException>();
        ledger.Invoking(l => l.Reclaim()).Should().Throw<LedgerException>().WithMessage("*can't be reached*");

        line.Refuses = false;
        ledger.Reclaim();
        ledger.Append(3, Now, Decision(3)).Should().Be(new AppendOutcome(Appended: false, 3), "the server had it");
        ledger.Read().Should().Equal(Enumerable.Range(1, 3).Select(i => new LedgerEntry(i, Now, Decision(i))));
    }

    [LedgerFact]
    public void Rows_ForAnyProgram_CantBeChanged()
    {
        string place = NewPlace();
        using DurableLedger ledger = Open(place);
        Fill(ledger, 1);

        foreach (string change in (string[])["UPDATE stragglerguard_entries SET step = 0", "DELETE FROM stragglerguard_entries", "TRUNCATE stragglerguard_entries"])
        {
            FluentActions.Invoking(() => PostgresUnderTest.Execute(place, change)).Should().Throw<PostgresException>().WithMessage("*append-only*");
        }
    }

    [LedgerFact]
    public void Reader_OfADatabaseWithoutALedger_SaysSo() =>
        FluentActions.Invoking(() => PostgresLedgerReader.Open(NewPlace())).Should().Throw<LedgerException>().WithMessage("*no ledger was begun*");

    [LedgerFact]
    public void Login_ThatIsRefused_IsSaidWithoutThePassword()
    {
        PostgresUnderTest.Execute(server.Place(), "CREATE ROLE locked LOGIN PASSWORD 'open sesame'");
        LedgerLocation location = LedgerLocation.Parse(server.Place() + ";Username=locked;Password=hunter2");

        LedgerException fault = location.Invoking(l => l.Open()).Should().Throw<LedgerException>().Which;

        fault.Message.Should().Contain("28P01").And.Contain("locked");
        fault.ToString().Should().NotContain("hunter2");
    }

    [LedgerTheory]
    [InlineData(true, "2", "1", "3", "5000")]
    [InlineData(false, "0", "0", "0", "0")]
    public void Claim_OfAMachineThatIsGoneWithoutAWord_ComesFreeWithinSeconds(bool overTcp, string idle, string interval, string count, string giveUp)
    {
        string place = server.Place();
        using NpgsqlConnection session = PostgresServer.Dedicated(PostgresServer.Parse(overTcp ? server.OverTcp(place) : place));

        Shown("tcp_keepalives_idle").Should().Be(idle);
        Shown("tcp_keepalives_interval").Should().Be(interval);
        Shown("tcp_keepalives_count").Should().Be(count);
        Shown("tcp_user_timeout").Should().Be(giveUp);

        // What the server shows is what its system has set for the connection; a Unix socket has none of it.
        string Shown(string setting)
        {
            using NpgsqlCommand show = session.CreateCommand();
            show.CommandText = "SHOW " + setting;
            return (string)show.ExecuteScalar()!;
        }
    }

    [LedgerFact]
    public void Ledgers_InTwoSchemas_AreTwo()
    {
        using DurableLedger one = Open(NewPlace());
        using DurableLedger two = Open(NewPlace());

        Fill(one, 2);

        two.LastSequence.Should().Be(0);
    }
}
