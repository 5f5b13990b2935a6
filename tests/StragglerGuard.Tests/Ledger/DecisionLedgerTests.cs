using StragglerGuard.Core;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Ledger;

/// <summary>What holds of every ledger.</summary>
public abstract class DecisionLedgerTests
{
    [Fact]
    public void Ledger_WhenNew_IsEmpty()
    {
        var ledger = Create();

        ledger.LastSequence.Should().Be(0);
        ledger.Read().Should().BeEmpty();
    }

    [Fact]
    public void Append_WithTheExpectedNumber_StandsUnderIt()
    {
        var ledger = Create();

        for (long sequence = 1; sequence <= 5; sequence++)
        {
            ledger.Append(sequence, Decision(sequence)).Should().Be(new AppendOutcome(Appended: true, sequence));
            ledger.LastSequence.Should().Be(sequence);
        }

        ledger.Read().Should().Equal(Enumerable.Range(1, 5).Select(i => new LedgerEntry(i, Decision(i))));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(long.MaxValue)]
    public void Append_WithAnotherNumber_IsRefusedAndSaysTheLast(long expected)
    {
        var ledger = Create();
        Fill(ledger, 3);

        ledger.Append(expected, Decision(99)).Should().Be(new AppendOutcome(Appended: false, 3));

        ledger.Read().Should().HaveCount(3).And.NotContain(entry => entry.Decision == Decision(99));
    }

    [Fact]
    public void Append_ByASecondWriterOfTheSameNumber_IsRefusedAndTheFirstStays()
    {
        var ledger = Create();
        long known = ledger.LastSequence;

        ledger.Append(known + 1, Decision(1)).Appended.Should().BeTrue();
        ledger.Append(known + 1, Decision(2)).Appended.Should().BeFalse();

        ledger.Read().Should().Equal(new LedgerEntry(1, Decision(1)));
    }

    [Fact]
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
                if (ledger.Append(number, Decision(writer)).Appended)
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

    [Theory]
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

    [Fact]
    public void Read_BeforeAnAppend_IsNotChangedByIt()
    {
        var ledger = Create();
        Fill(ledger, 2);
        var before = ledger.Read();

        ledger.Append(3, Decision(3));

        before.Should().HaveCount(2);
    }

    [Fact]
    public void Arguments_ThatMakeNoSense_Throw()
    {
        var ledger = Create();

        ledger.Invoking(l => l.Append(0, Decision(1))).Should().Throw<ArgumentOutOfRangeException>();
        ledger.Invoking(l => l.Append(1, null!)).Should().Throw<ArgumentNullException>();
        ledger.Invoking(l => l.Read(0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    /// <summary>An empty ledger.</summary>
    protected abstract IDecisionLedger Create();

    private static NumberSkipped Decision(long step) => new(new JobId("job"), new Generation(0), step, "given up");

    private static void Fill(IDecisionLedger ledger, int entries)
    {
        for (int sequence = 1; sequence <= entries; sequence++)
        {
            ledger.Append(sequence, Decision(sequence));
        }
    }
}

public sealed class InMemoryLedgerTests : DecisionLedgerTests
{
    protected override IDecisionLedger Create() => new InMemoryLedger();
}
