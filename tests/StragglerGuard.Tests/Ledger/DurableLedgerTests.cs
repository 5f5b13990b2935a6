using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Ledger;

/// <summary>What holds of every ledger that outlives its process.</summary>
public abstract class DurableLedgerTests : DecisionLedgerTests, IDisposable
{
    private readonly List<IDisposable> _open = [];

    [LedgerFact]
    public void Ledger_OpenedAgain_HasAllAndGoesOn()
    {
        string place = NewPlace();
        using (DurableLedger ledger = Open(place))
        {
            Fill(ledger, 3);
        }

        using DurableLedger again = Open(place);
        again.LastSequence.Should().Be(3);
        again.Append(4, Now, Decision(4)).Should().Be(new AppendOutcome(Appended: true, 4));
        again.Read().Should().Equal(Enumerable.Range(1, 4).Select(i => new LedgerEntry(i, Now, Decision(i))));
    }

    [LedgerFact]
    public void Writer_ASecondOne_IsRefusedAndToldOfTheFirst()
    {
        string place = NewPlace();
        using (DurableLedger first = Open(place))
        {
            LedgerClaimedException fault = FluentActions.Invoking(() => Open(place)).Should().Throw<LedgerClaimedException>().Which;
            fault.Holder.Should().Contain($"process {Environment.ProcessId} on ").And.Contain(Environment.MachineName);
            fault.Message.Should().Contain(fault.Holder).And.Contain(first.Name);
            Fill(first, 2);
        }

        using DurableLedger second = Open(place);
        second.Append(3, Now, Decision(3)).Appended.Should().BeTrue();
    }

    [LedgerFact]
    public void Writers_OpeningAtOnce_AreOneWinnerAndOthersWhoSaySo()
    {
        const int Guardians = 4;
        string place = NewPlace();
        using var start = new Barrier(Guardians);
        var won = new DurableLedger?[Guardians];
        var lost = new Exception?[Guardians];
        var threads = Enumerable.Range(0, Guardians).Select(guardian => new Thread(() =>
        {
            start.SignalAndWait();
            try
            {
                won[guardian] = Open(place);
            }
            catch (LedgerException fault)
            {
                lost[guardian] = fault;
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());

        DurableLedger winner = won.Should().ContainSingle(ledger => ledger != null).Subject!;
        lost.Where(fault => fault != null).Should().HaveCount(Guardians - 1)
            .And.AllBeOfType<LedgerClaimedException>(string.Join('\n', lost.Select(fault => fault?.Message)));
        Fill(winner, 1);
        winner.Dispose();
    }

    [LedgerFact]
    public void Reader_WhileItIsWritten_SeesWhatStands()
    {
        string place = NewPlace();
        using DurableLedger ledger = Open(place);
        using DurableLedgerReader reader = LedgerLocation.Parse(place).OpenRead();
        for (int number = 1; number <= 5; number++)
        {
            ledger.Append(number, Now, Decision(number));

            reader.LastSequence.Should().Be(number);
            reader.Read(number).Should().Equal(new LedgerEntry(number, Now, Decision(number)));
            reader.ReadJob(Decision(number).Job).Should().HaveCount(number);
        }

        reader.Name.Should().Be(ledger.Name);
    }

    [LedgerTheory]
    [InlineData("UPDATE stragglerguard_entries SET payload = '{}' WHERE sequence = 3", 3)]
    [InlineData("UPDATE stragglerguard_entries SET step = step + 1 WHERE sequence = 1", 1)]
    [InlineData("UPDATE stragglerguard_entries SET job = 'other' WHERE sequence = 5", 5)]
    [InlineData("UPDATE stragglerguard_entries SET at = '2026-05-04T03:02:01.000001Z' WHERE sequence = 4", 4)]
    [InlineData("UPDATE stragglerguard_entries SET check_sha256 = '' WHERE sequence = 2", 2)]
    [InlineData("UPDATE stragglerguard_entries SET sequence = 9 WHERE sequence = 5", 5)]
    [InlineData("DELETE FROM stragglerguard_entries WHERE sequence = 1", 1)]
    [InlineData("DELETE FROM stragglerguard_entries WHERE sequence = 4", 4)]
    public void Ledger_ChangedByHand_IsRefusedAndShowsWhatIsWhole(string change, long firstBad)
    {
        string place = NewPlace();
        using (DurableLedger ledger = Open(place))
        {
            Fill(ledger, 5);
        }

        Change(place, change);

        LedgerLocation location = LedgerLocation.Parse(place);
        foreach (Action open in new Action[] { () => location.Open().Dispose(), () => location.OpenRead().Dispose() })
        {
            LedgerDamagedException fault = open.Should().Throw<LedgerDamagedException>().Which;
            fault.FirstBadSequence.Should().Be(firstBad);
            fault.Message.Should().Contain($"damaged at entry {firstBad}").And.Contain(". Put back a copy").And.NotContain("..");
        }

        var (entries, damage) = location.ReadIntact();
        entries.Should().Equal(Enumerable.Range(1, (int)firstBad - 1).Select(i => new LedgerEntry(i, Now, Decision(i))));
        damage!.FirstBadSequence.Should().Be(firstBad);
    }

    [LedgerFact]
    public void Ledger_OfANewerFormat_IsRefused()
    {
        string place = NewPlace();
        Open(place).Dispose();

        Change(place, "UPDATE stragglerguard_format SET version = 2");

        FluentActions.Invoking(() => Open(place)).Should().Throw<LedgerException>().WithMessage("*format 2, this program knows 1*");
        FluentActions.Invoking(() => LedgerLocation.Parse(place).OpenRead()).Should().Throw<LedgerException>().WithMessage("*format 2*");
    }

    [LedgerFact]
    public void Ledger_OfAProgramWithoutTheIndex_IsReadWithoutAndGetsItWhenClaimed()
    {
        string place = NewPlace();
        using (DurableLedger ledger = Open(place))
        {
            Fill(ledger, 3);
        }

        HasJobIndex(place).Should().BeTrue();
        Change(place, "DROP INDEX stragglerguard_entries_of_job");
        using (DurableLedgerReader reader = LedgerLocation.Parse(place).OpenRead())
        {
            reader.ReadJob(Decision(1).Job).Should().HaveCount(3);
            HasJobIndex(place).Should().BeFalse("readers change nothing");
        }

        using DurableLedger again = Open(place);
        HasJobIndex(place).Should().BeTrue();
        again.ReadJob(Decision(1).Job).Should().HaveCount(3);
    }

    [LedgerFact]
    public void Decision_OfANewerProgram_IsKeptThroughAReopening()
    {
        string place = NewPlace();
        var foreign = new UnreadDecision(new("job"), new(1), 7, "seanceHeld", 4, """{"reason":"the moon"}""", "");
        using (DurableLedger ledger = Open(place))
        {
            ledger.Append(1, Now, foreign).Appended.Should().BeTrue();
            ledger.Append(2, Now, Decision(2)).Appended.Should().BeTrue();
        }

        using DurableLedger again = Open(place);
        again.Read()[0].Decision.Should().Be(foreign with { Reason = "the moon (not read: of a kind that this program does not know)" });
        again.Append(3, Now, again.Read()[0].Decision).Appended.Should().BeTrue();
        again.Read()[2].Decision.Should().Be(again.Read()[0].Decision);
    }

    [LedgerFact]
    public void Ledger_AfterItsEnd_SaysThatItIsClosed()
    {
        DurableLedger ledger = Open(NewPlace());
        ledger.Dispose();
        ledger.Dispose();

        ledger.Invoking(l => l.Append(1, Now, Decision(1))).Should().Throw<ObjectDisposedException>();
        ledger.Invoking(l => l.Read()).Should().Throw<ObjectDisposedException>();
    }

    public virtual void Dispose()
    {
        foreach (IDisposable ledger in _open)
        {
            ledger.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    protected static DurableLedger Open(string place) => LedgerLocation.Parse(place).Open();

    protected override IDecisionLedger Create()
    {
        DurableLedger ledger = Open(NewPlace());
        _open.Add(ledger);
        return ledger;
    }

    /// <summary>Where a new ledger of the test's own can be.</summary>
    protected abstract string NewPlace();

    /// <summary>Changes a ledger behind its back, whatever guards its rows.</summary>
    protected abstract void Change(string place, string statement);

    /// <summary>Whether the ledger finds a job's entries without reading all.</summary>
    protected abstract bool HasJobIndex(string place);
}
