using StragglerGuard.Collectives.Operations;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Operations;

public sealed class ArrivalBookTests
{
    [Fact]
    public void Arrivals_AreCountedOnceEach_AndTheLateAreTheRest()
    {
        var book = new ArrivalBook(4, firstSequence: 7);
        book.Awaited.Should().Be(-1);
        book.Note(new Rank(2), 7, nowNs: 100);
        book.Note(new Rank(0), 7, nowNs: 200);
        book.Note(new Rank(2), 7, nowNs: 300);
        (book.Awaited, book.Count, book.LastArrivalNs).Should().Be((7, 2, 200));
        book.HasArrived(new Rank(2), 7).Should().BeTrue();
        book.HasArrived(new Rank(1), 7).Should().BeFalse();
        book.FindLate().Should().Equal(new Rank(1), new Rank(3));
    }

    [Fact]
    public void Arrival_AtAClosedStep_IsForgotten()
    {
        var book = new ArrivalBook(3, firstSequence: 7);

        // A word to the reducer before this one.
        book.Note(new Rank(1), 5, nowNs: 50);
        book.Awaited.Should().Be(-1);

        book.Note(new Rank(0), 7, nowNs: 100);
        book.Close(7);
        book.Note(new Rank(1), 7, nowNs: 200);
        (book.Awaited, book.Count).Should().Be((-1, 0));
        book.Note(new Rank(2), 9, nowNs: 300);
        (book.Awaited, book.Count).Should().Be((9, 1));
        book.FindLate().Should().Equal(new Rank(0), new Rank(1));
    }
}
