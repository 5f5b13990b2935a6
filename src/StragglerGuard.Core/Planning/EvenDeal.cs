namespace StragglerGuard.Core.Planning;

/// <summary>The deal that every job starts with: as equal as whole units allow.</summary>
public static class EvenDeal
{
    /// <summary>Deals <paramref name="total"/> units; the first <c>total % ranks</c> ranks get one more than the others.</summary>
    /// <param name="total">Units (micro-batches), 0 or more.</param>
    /// <param name="ranks">Receivers, 1 or more.</param>
    /// <returns>A new array, one count a rank.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public static int[] Of(int total, int ranks)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(total);
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        var (each, more) = Math.DivRem(total, ranks);
        var deal = new int[ranks];
        for (var i = 0; i < ranks; i++)
        {
            deal[i] = i < more ? each + 1 : each;
        }

        return deal;
    }
}
