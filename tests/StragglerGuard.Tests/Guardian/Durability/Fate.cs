using StragglerGuard.Core;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian.Durability;

/// <summary>What kills.</summary>
internal sealed class KilledException(string where) : Exception($"killed {where}");

/// <summary>
/// When a guardian dies, and that it is dead then: whatever it tries to do from there on does not happen, as after kill -9. Until then
/// appends may also fail without killing it.
/// </summary>
/// <param name="point">Where.</param>
/// <param name="occurrence">At the how-many-th time, from 1.</param>
/// <param name="kill">How: throws, or ends the process.</param>
internal sealed class Fate(FaultPoint point, int occurrence, Action<FaultPoint> kill)
{
    private readonly Lock _gate = new();
    private int _left = occurrence;
    private int _appends;

    /// <summary>Never.</summary>
    public static Fate None => new(default, int.MaxValue, _ => { });

    public bool IsDead { get; private set; }

    /// <summary>Appends that fail before and after they were done: numbers of the appends, from 1, each once.</summary>
    public HashSet<int> FailingAppends { get; init; } = [];

    public static Fate At(FaultPoint point, int occurrence, params int[] failing) =>
        new(point, occurrence, where => throw new KilledException(where.ToString())) { FailingAppends = [.. failing] };

    /// <summary>Five guardians that die, if they get that far, each with a ledger that fails now and then.</summary>
    public static Fate[] Several(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, 5).Select(_ =>
        {
            var where = (FaultPoint)random.Next(Enum.GetValues<FaultPoint>().Length);
            int most = where is FaultPoint.BeforeAppend or FaultPoint.AfterAppend ? 9 : where is FaultPoint.BeforeActuate or FaultPoint.AfterActuate ? 1 : 3;
            return At(where, random.Next(1, most + 1), failing: [random.Next(1, 12), random.Next(1, 12)]);
        })];
    }

    /// <summary>A guardian comes by.</summary>
    public void Pass(FaultPoint passed)
    {
        lock (_gate)
        {
            ThrowIfDead();
            if (passed == point && --_left == 0)
            {
                IsDead = true;
                kill(passed);
            }
        }
    }

    public void ThrowIfDead()
    {
        if (IsDead)
        {
            throw new KilledException("before");
        }
    }

    /// <summary>Whether this append is one that fails; with odd numbers it fails after it was done.</summary>
    public bool FailsNow(out bool afterwards)
    {
        lock (_gate)
        {
            int number = ++_appends;
            afterwards = number % 2 == 1;
            return FailingAppends.Contains(number);
        }
    }
}

/// <summary>A ledger as a mortal guardian has it.</summary>
internal sealed class MortalLedger(IDecisionLedger ledger, Fate fate) : IDecisionLedger
{
    /// <summary>Released after every entry.</summary>
    public SemaphoreSlim Appended { get; } = new(0);

    public long LastSequence => ledger.LastSequence;

    public AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision)
    {
        (FaultPoint before, FaultPoint after) = decision switch
        {
            PlanInForce => (FaultPoint.BeforeAdopt, FaultPoint.AfterAdopt),
            PlanGraded => (FaultPoint.BeforeGrade, FaultPoint.AfterGrade),
            _ => (FaultPoint.BeforeAppend, FaultPoint.AfterAppend),
        };
        fate.Pass(before);
        bool fails = fate.FailsNow(out bool afterwards);
        if (fails && !afterwards)
        {
            throw new LedgerException("the disk is full");
        }

        AppendOutcome outcome = ledger.Append(expectedSequence, at, decision);
        fate.Pass(after);
        Appended.Release();
        return fails ? throw new LedgerException("the line broke after it was written") : outcome;
    }

    public IReadOnlyList<LedgerEntry> Read(long fromSequence = 1, int entriesMax = int.MaxValue)
    {
        fate.ThrowIfDead();
        return ledger.Read(fromSequence, entriesMax);
    }

    public IReadOnlyList<LedgerEntry> ReadJob(JobId job)
    {
        fate.ThrowIfDead();
        return ledger.ReadJob(job);
    }

    public void Reclaim() => ledger.Reclaim();
}
