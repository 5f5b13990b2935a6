using StragglerGuard.Core;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Ledger;

/// <summary>What holds of every ledger.</summary>
public abstract class DecisionLedgerTests
{
    protected static readonly DateTimeOffset Now = new(2026, 5, 4, 3, 2, 1, TimeSpan.Zero);

    [LedgerFact]
    public void Ledger_WhenNew_IsEmpty()
    {
        var ledger = Create();

        ledger.LastSequence.Should().Be(0);
        ledger.Read().Should().BeEmpty();
    }

    [LedgerFact]
    public void Append_WithTheExpectedNumber_StandsUnderIt()
    {
        var ledger = Create();

        for (long sequence = 1; sequence <= 5; sequence++)
        {
            ledger.Append(sequence, Now, Decision(sequence)).Should().Be(new AppendOutcome(Appended: true, sequence));
            ledger.LastSequence.Should().Be(sequence);
        }

        ledger.Read().Should().Equal(Enumerable.Range(1, 5).Select(i => new LedgerEntry(i, Now, Decision(i))));
    }

    [LedgerTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(long.MaxValue)]
    public void Append_WithAnotherNumber_IsRefusedAndSaysTheLast(long expected)
    {
        var ledger = Create();
        Fill(ledger, 3);

        ledger.Append(expected, Now, Decision(99)).Should().Be(new AppendOutcome(Appended: false, 3));

        ledger.Read().Should().HaveCount(3).And.NotContain(entry => entry.Decision == Decision(99));
    }

    [LedgerFact]
    public void Append_ByASecondWriterOfTheSameNumber_IsRefusedAndTheFirstStays()
    {
        var ledger = Create();
        long known = ledger.LastSequence;

        ledger.Append(known + 1, Now, Decision(1)).Appended.Should().BeTrue();
        ledger.Append(known + 1, Now, Decision(2)).Appended.Should().BeFalse();

        ledger.Read().Should().Equal(new LedgerEntry(1, Now, Decision(1)));
    }

    [LedgerFact]
    public void Append_ByManyAtOnce_HasExactlyOneWinnerForEachNumber()
    {
        const int Writers = 4;
        const int Entries = 500;
        var ledger = Create();
        var wins = new int[Writers][];
        using var start = new Barrier(Writers);
        var threads = Enumerable.Range(0, Writers).Select(writer => new Thread(() =>
        {
            var won = new List<int>();
            start.SignalAndWait();
            for (int number = 1; number <= Entries; number++)
            {
                if (ledger.Append(number, Now, Decision(writer)).Appended)
                {
                    won.Add(number);
                }
            }

            wins[writer] = [.. won];
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());

        wins.SelectMany(won => won).Should().BeEquivalentTo(Enumerable.Range(1, Entries));
        ledger.Read().Should().HaveCount(Entries).And.OnlyContain(
            entry => wins[(int)entry.Decision.Step].Contains((int)entry.Sequence), "an entry is that of the writer who was told so");
    }

    [LedgerTheory]
    [InlineData(1, 4)]
    [InlineData(3, 2)]
    [InlineData(4, 1)]
    [InlineData(5, 0)]
    [InlineData(long.MaxValue, 0)]
    public void Read_FromANumber_GivesItAndAllAfterIt(long from, int count)
    {
        var ledger = Create();
        Fill(ledger, 4);

        ledger.Read(from).Select(entry => entry.Sequence).Should().Equal(Enumerable.Range(5 - count, count).Select(i => (long)i));
    }

    [LedgerTheory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 4, 4)]
    [InlineData(2, 2, 2)]
    [InlineData(3, 9, 2)]
    [InlineData(5, 1, 0)]
    public void Read_OfSoMany_GivesThemOrAllThatThereAre(long from, int entriesMax, int count)
    {
        var ledger = Create();
        Fill(ledger, 4);

        ledger.Read(from, entriesMax).Select(entry => entry.Sequence).Should().Equal(Enumerable.Range(0, count).Select(i => from + i));
    }

    [LedgerFact]
    public void Read_BeforeAnAppend_IsNotChangedByIt()
    {
        var ledger = Create();
        Fill(ledger, 2);
        var before = ledger.Read();

        ledger.Append(3, Now, Decision(3));

        before.Should().HaveCount(2);
    }

    [LedgerFact]
    public void ReadJob_AmongOthers_GivesItsOwnEntriesInOrder()
    {
        var ledger = Create();
        string[] jobs = ["job", "JOB", "job ", "j", "\u00e9", "e\u0301"];
        const int Entries = 30;
        for (int i = 0; i < Entries; i++)
        {
            ledger.Append(i + 1, Now, Decision(i) with { Job = new JobId(jobs[i * 7 % jobs.Length]) }).Appended.Should().BeTrue();
        }

        foreach (string name in jobs)
        {
            var job = new JobId(name);
            ledger.ReadJob(job).Should().HaveCount(Entries / jobs.Length).And.Equal(ledger.Read().Where(entry => entry.Decision.Job == job));
        }

        ledger.ReadJob(new JobId("another")).Should().BeEmpty();
    }

    [LedgerFact]
    public void ReadJob_BetweenAppends_SeesWhatStands()
    {
        var ledger = Create();
        ledger.ReadJob(Decision(1).Job).Should().BeEmpty();
        Fill(ledger, 2);
        var before = ledger.ReadJob(Decision(1).Job);

        ledger.Append(3, Now, Decision(3));

        before.Should().HaveCount(2);
        ledger.ReadJob(Decision(1).Job).Should().Equal(ledger.Read()).And.HaveCount(3);
    }

    [LedgerFact]
    public void Arguments_ThatMakeNoSense_Throw()
    {
        var ledger = Create();

        ledger.Invoking(l => l.Append(0, Now, Decision(1))).Should().Throw<ArgumentOutOfRangeException>();
        ledger.Invoking(l => l.Append(1, Now, null!)).Should().Throw<ArgumentNullException>();
        ledger.Invoking(l => l.Read(0)).Should().Throw<ArgumentOutOfRangeException>();
        ledger.Invoking(l => l.Read(1, 0)).Should().Throw<ArgumentOutOfRangeException>();
        foreach (string? name in new[] { "a\0b", "half a pair \ud83d", null })
        {
            ledger.Invoking(l => l.ReadJob(new JobId(name!))).Should().Throw<ArgumentException>();
        }
    }

    [LedgerFact]
    public void Append_AtAnyTime_KeepsItInUtcAndWholeMicroseconds()
    {
        var ledger = Create();
        DateTimeOffset[] times =
        [
            DateTimeOffset.MinValue, DateTimeOffset.UnixEpoch, new(1969, 12, 31, 23, 59, 59, TimeSpan.FromHours(-5)), DateTimeOffset.MaxValue,
            new(new DateTime(2026, 1, 31, 23, 59, 59).AddTicks(1_234_567), TimeSpan.FromHours(14)),
        ];
        for (int i = 0; i < times.Length; i++)
        {
            ledger.Append(i + 1, times[i], Decision(i)).Appended.Should().BeTrue();
        }

        ledger.Read().Select(entry => entry.At.Offset).Should().OnlyContain(offset => offset == TimeSpan.Zero);
        ledger.Read().Select(entry => times[entry.Sequence - 1] - entry.At)
            .Should().OnlyContain(cut => cut >= TimeSpan.Zero && cut < TimeSpan.FromMicroseconds(1));
        ledger.Read().Should().Equal(times.Select((at, i) => new LedgerEntry(i + 1, at, Decision(i))));
    }

    [LedgerFact]
    public void Append_OfWhatIsNoText_IsRefused()
    {
        var ledger = Create();
        foreach (string? name in new[] { "a\0b", "half a pair \ud83d", null })
        {
            ledger.Invoking(l => l.Append(1, Now, Decision(1) with { Job = new JobId(name!) })).Should().Throw<ArgumentException>();
            ledger.Invoking(l => l.Append(1, Now, new UnreadDecision(new JobId("j"), default, 0, "kind", 1, name!, ""))).Should().Throw<ArgumentException>();
        }

        ledger.LastSequence.Should().Be(0);
    }

    [LedgerFact]
    public void Append_OfEveryKind_IsReadAsItWasWritten()
    {
        const int Seed = 11;
        var ledger = Create();
        var random = new Random(Seed);
        LedgerDecision[] decisions = [.. AnyDecision.Kinds.Where(kind => kind != typeof(UnreadDecision)).Select(kind => AnyDecision.Of(kind, random))];
        for (int i = 0; i < decisions.Length; i++)
        {
            ledger.Append(i + 1, Now, decisions[i]).Appended.Should().BeTrue();
        }

        ledger.Read().Select(entry => entry.Decision).Should().Equal(decisions, $"seed {Seed}");
    }

    /// <summary>An empty ledger.</summary>
    protected abstract IDecisionLedger Create();

    protected static NumberSkipped Decision(long step) => new(new JobId("job"), new Generation(0), step, "given up");

    protected static void Fill(IDecisionLedger ledger, int entries)
    {
        for (int sequence = 1; sequence <= entries; sequence++)
        {
            ledger.Append(sequence, Now, Decision(sequence));
        }
    }
}
