using System.Globalization;
using StragglerGuard.Actuators;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.Guardian;

/// <summary>
/// What this guardian decides, into the ledger first and down to the agents after; and what it learns from there that others decided. Its
/// owner sees to it that one thread at a time uses it.
/// </summary>
internal sealed class Commitments
{
    private readonly IGuardianPort _port;
    private readonly JobRoster _roster;
    private readonly LedgerModes _modes;
    private readonly ActuationDesk? _actuations;
    private readonly WallClock _clock = new();
    private readonly LedgerPlace _place;
    private readonly List<LedgerEntry> _told = [];
    private readonly Action<string> _complain;
    private string? _complained;

    /// <summary>Begins with a ledger that nothing is known of.</summary>
    /// <param name="port">Where plans go.</param>
    /// <param name="ledger">Where decisions are kept.</param>
    /// <param name="roster">The jobs.</param>
    /// <param name="modes">What modes in the ledger mean.</param>
    /// <param name="actuations">What is asked of schedulers; null where nobody is there to ask.</param>
    /// <param name="complain">Told of what is wrong with the ledger, once each.</param>
    public Commitments(
        IGuardianPort port, IDecisionLedger ledger, JobRoster roster, LedgerModes modes, ActuationDesk? actuations, Action<string> complain)
    {
        _port = port;
        _roster = roster;
        _modes = modes;
        _actuations = actuations;
        _complain = complain;
        _place = new LedgerPlace(ledger, Learn) { OnLate = _told.Add };
        Name = GuardianName.Next(_clock.Now());
    }

    /// <summary>What this guardian is called in the ledger.</summary>
    public string Name { get; }

    /// <summary>The wall clock.</summary>
    public DateTimeOffset Now => _clock.Now();

    /// <summary>What every entry that stands comes to.</summary>
    public LedgerState State => _place.State;

    /// <summary>What keeps it from deciding for a job, or was lost to it, in words; null where nothing does.</summary>
    /// <param name="job">The job.</param>
    /// <param name="isFinal">Whether it will never decide for it again.</param>
    public string? Objection(GuardedJob job, out bool isFinal)
    {
        isFinal = (_place.LostReason ?? job.Charge.ReplacedReason) is not null;
        return _place.LostReason is { } lost ? $"decides no longer: {lost}"
            : job.Charge.ReplacedReason is { } replaced ? $"decides no longer: {replaced}"
            : _place.Trouble is { } trouble ? $"can't decide now: {trouble}"
            : job.Charge.Lost;
    }

    /// <summary>What keeps it from writing, in words, and whether that is for good; null where nothing does.</summary>
    public (string? Reason, bool IsFinal) LedgerTrouble =>
        _place.LostReason is { } lost ? (lost, IsFinal: true) : (_place.Trouble, IsFinal: false);

    /// <summary>Whether it may have anything done.</summary>
    public bool MayAct => _port.IsLeader && _place.LostReason is null;

    /// <summary>Whether it may decide for a job.</summary>
    public bool MayDecide(GuardedJob job) => MayAct && job.Charge.ReplacedReason is null;

    /// <summary>The entries that stand since the last call, in order.</summary>
    public IReadOnlyList<LedgerEntry> TakeTold()
    {
        LedgerEntry[] told = [.. _told];
        _told.Clear();
        return told;
    }

    /// <summary>Reads what others have written; what can't be read now is another time.</summary>
    public void TryCatchUp()
    {
        try
        {
            _place.CatchUp();
        }
        catch (LedgerException fault)
        {
            Complain(fault.Message);
        }
    }

    /// <summary>Reads what others have written.</summary>
    /// <exception cref="LedgerException">It can't be read.</exception>
    public void CatchUp() => _place.CatchUp();

    /// <summary>Writes what had to wait, if that is possible by now.</summary>
    public void WriteWaiting()
    {
        if (_port.IsLeader)
        {
            _place.WriteWaiting();
            ShowTrouble();
        }
    }

    /// <summary>Takes charge of a job whose generation begins, with what the ledger has of it.</summary>
    /// <param name="job">The job.</param>
    /// <param name="known">Its entries.</param>
    public void Begin(GuardedJob job, IReadOnlyList<LedgerEntry> known)
    {
        foreach (LedgerEntry entry in known)
        {
            TakeOver(job, entry);
        }

        if (MayDecide(job))
        {
            TakeCharge(job, known.Count == 0 ? 0 : known[^1].Decision.Step);
            PutDownMoves(job);
            if (job.Pending is { } pending)
            {
                // Whoever decided it may be gone, and its offer with it.
                _port.Offer(pending, job.Nodes.All);
            }
        }
    }

    /// <summary>The way of a job's decisions: <see cref="Commit"/>.</summary>
    public JobJudge.Commitment WayOf(GuardedJob job) => job.Way ??= NewWayOf(job);

    private JobJudge.Commitment NewWayOf(GuardedJob job) => decide => Commit(job, decide);

    /// <summary>Into the ledger first, down to the agents after.</summary>
    /// <param name="job">The job that it is about.</param>
    /// <param name="decide">From the number to the decision; null where the decision no longer stands.</param>
    /// <returns>The entry; null where it does not stand, or not yet.</returns>
    public LedgerEntry? Commit(GuardedJob job, Func<long, LedgerDecision?> decide)
    {
        if (!MayDecide(job))
        {
            return null;
        }

        TakeCharge(job, step: 0);
        ReportLost(job);
        LedgerEntry? entry = _place.Commit(
            sequence => decide(sequence) is { } decision && !IsKnown(decision) ? decision : null,
            _clock.Now(),
            written =>
            {
                Written(written);
                if (written.Decision is PlanDecided plan)
                {
                    job.Pending = new OfferedPlan(plan.Job, plan.Generation, plan.Plan);
                    _port.Offer(job.Pending, job.Nodes.All);
                }
            });
        ShowTrouble();
        return entry;
    }

    /// <summary>Puts down what is so already, whatever job it is about.</summary>
    public void Record(LedgerDecision fact)
    {
        bool mayWrite = _roster.Find(fact.Job) is { } job ? MayDecide(job) : MayAct;
        if (mayWrite)
        {
            _place.Commit(_ => fact, _clock.Now(), Written);
            ShowTrouble();
        }
    }

    /// <summary>Says, once, that the ranks of a job know of numbers that the ledger never reached.</summary>
    public void ReportLost(GuardedJob job)
    {
        if (job.Charge.Lost is null && _place.State.FindLost(job.Judge.EpochInForce.Value) is { } lost && MayDecide(job))
        {
            ReportLost(job, lost);
        }
    }

    private void ReportLost(GuardedJob job, string lost)
    {
        job.Charge.Lost = lost;
        Complain($"{job.Judge.Job}: {lost}");
        bool isPut = false;
        _place.Commit(
            _ =>
            {
                LedgerDecision? once = isPut ? null : new NumberSkipped(job.Judge.Job, job.Judge.Generation, 0, lost);
                isPut = true;
                return once;
            },
            _clock.Now(),
            Written);
    }

    /// <summary>Asks schedulers for what follows from who left and who came back.</summary>
    /// <returns>Whether anything new was asked.</returns>
    public bool RequestActuations()
    {
        bool any = false;
        foreach (LedgerDecision due in _actuations?.Due(job => _roster.Find(job) is { } heard && MayDecide(heard)) ?? [])
        {
            any |= _place.Commit(_ => due, _clock.Now(), Written) is not null;
        }

        return any;
    }

    /// <summary>Offers plans on their way once more.</summary>
    public void OfferPendingAgain()
    {
        foreach (GuardedJob job in _roster.Jobs)
        {
            if (job.Pending is not { } pending)
            {
                continue;
            }

            if (job.HasEnded || job.Judge.EpochInForce >= pending.Plan.Epoch)
            {
                job.Pending = null;
            }
            else if (MayDecide(job))
            {
                _port.Offer(pending, job.Nodes.All);
            }
        }
    }

    private void Written(LedgerEntry entry)
    {
        _told.Add(entry);
        _actuations?.Apply(entry);
        if (entry.Decision is GuardianTookOver && _roster.Find(entry.Decision.Job) is { } job)
        {
            job.Charge.TakenAt = entry.Sequence;
        }
    }

    /// <summary>Once for each guardian and job: from here on whoever decided before reads that it does no longer.</summary>
    private void TakeCharge(GuardedJob job, long step)
    {
        if (job.Charge.IsTaken)
        {
            return;
        }

        job.Charge.IsTaken = true;
        string? former = _place.State.Find(job.Judge.Job)?.Guardian;
        if (former == Name)
        {
            return;
        }

        _place.Commit(
            _ => new GuardianTookOver(
                job.Judge.Job, job.Judge.Generation, step, Name, former is null ? "the job was first heard of" : $"after {former}"),
            _clock.Now(),
            Written);
        ShowTrouble();
    }

    /// <summary>
    /// A generation that a plan began is heard of: who left by that plan, and who came back, is put down, once. The plan itself stands in the
    /// ledger since before anyone heard of it, so a guardian that was killed in between finds it there and does the same.
    /// </summary>
    private void PutDownMoves(GuardedJob job)
    {
        if (job.Context.Begun is not { } begun)
        {
            return;
        }

        foreach (LedgerDecision due in GenerationMoves.Of(begun, job.Book))
        {
            if (_place.Commit(_ => due, _clock.Now(), Written) is { } entry)
            {
                job.Book.Apply(entry);
            }
        }

        ShowTrouble();
    }

    /// <summary>What a guardian before this one put down already, and this one sees again.</summary>
    private bool IsKnown(LedgerDecision decision) => decision switch
    {
        PlanInForce seen => _place.State.Find(seen.Job)?.InForce is { } plan && plan.Plan.Epoch >= seen.Epoch,
        PlanGraded graded => _place.State.Find(graded.Job)?.InForce is { Grading: { } before } plan && plan.Plan.Epoch == graded.Epoch
            && before.RolledBack == graded.RolledBack && !double.IsNaN(before.RealisedGain),
        _ => false,
    };

    /// <summary>Takes what stands in the ledger by another's hand, or by this one's unknowingly.</summary>
    private void Learn(LedgerEntry entry)
    {
        _actuations?.Apply(entry);
        if (entry.Decision is ModeChanged change && _modes == LedgerModes.Resume && change.Step >= 0)
        {
            _roster.ModesOf(change.Job).Set(change.Mode, change.Step);
        }

        if (_roster.Find(entry.Decision.Job) is { } job)
        {
            job.Book.Apply(entry);
            OfferedPlan? before = job.Pending;
            TakeOver(job, entry);
            if (job.Pending is { } pending && pending != before && MayDecide(job))
            {
                _port.Offer(pending, job.Nodes.All);
            }
        }
    }

    /// <summary>
    /// Takes over another guardian's plan: no other may follow before it is in force, and it is to be offered again, as that guardian may be
    /// gone. But where another guardian took the job over after this one did, this one is the one that is gone.
    /// </summary>
    private void TakeOver(GuardedJob job, LedgerEntry entry)
    {
        switch (entry.Decision)
        {
            case PlanDecided plan when job.Judge.Generation == plan.Generation && job.Judge.TakeOver(plan):
                job.Pending = new OfferedPlan(plan.Job, plan.Generation, plan.Plan);
                break;
            case PlanInForce seen:
                job.Judge.TakeOver(seen);
                break;
            case PlanGraded graded:
                job.Judge.TakeOver(graded);
                break;
            case GuardianTookOver own when own.Guardian == Name:
                job.Charge.TakenAt = entry.Sequence;
                break;
            case GuardianTookOver other when job.Charge is { TakenAt: { } own, ReplacedReason: null } && entry.Sequence > own:
                job.Charge.ReplacedReason = string.Create(
                    CultureInfo.InvariantCulture, $"{other.Guardian} has taken {job.Judge.Job} over with entry {entry.Sequence}; the job runs on under that one");
                Complain($"{Name} decides no longer for {job.Judge.Job}: {job.Charge.ReplacedReason}");
                break;
        }
    }

    private void ShowTrouble()
    {
        if (_place.LostReason is { } lost)
        {
            Complain($"{Name} decides no longer: {lost}");
        }
        else if (_place.Trouble is { } trouble)
        {
            Complain($"nothing is decided until the ledger can be written: {trouble}");
        }
        else
        {
            _complained = null;
        }
    }

    private void Complain(string what)
    {
        if (what != _complained)
        {
            _complained = what;
            _complain(what);
        }
    }
}
