using StragglerGuard.Core;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian;

public sealed class LedgerPlaceTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(LedgerPlace.PageEntries)]
    [InlineData((2 * LedgerPlace.PageEntries) + 1)]
    public void CatchUp_WithALedgerOfAnyLength_LearnsEveryEntryOnceInOrder(int entries)
    {
        var ledger = new InMemoryLedger();
        for (int i = 1; i <= entries; i++)
        {
            ledger.Append(i, DateTimeOffset.UnixEpoch, new NumberSkipped(new JobId("job"), default, i, "given up"));
        }

        var learned = new List<long>();
        var place = new LedgerPlace(ledger, entry => learned.Add(entry.Sequence));

        place.CatchUp().Should().Be(entries > 0);
        place.CatchUp().Should().BeFalse("nothing was written since");

        learned.SequenceEqual(Enumerable.Range(1, entries).Select(i => (long)i)).Should().BeTrue();
        place.State.LastSequence.Should().Be(entries);
    }
}
