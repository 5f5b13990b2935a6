using System.Data.Common;
using StragglerGuard.Core;

namespace StragglerGuard.Ledger;

/// <summary>A ledger in a database, opened for reading. It needs no claim, and may be open while a guardian writes.</summary>
public abstract class DurableLedgerReader : ILedgerReader, IDisposable
{
    private protected DurableLedgerReader(string name) => Name = name;

    /// <summary>Where it is, for people; without a password.</summary>
    public string Name { get; }

    /// <inheritdoc/>
    public long LastSequence => Use(connection => LedgerTable.Tail(connection).Sequence);

    /// <inheritdoc/>
    public IReadOnlyList<LedgerEntry> Read(long fromSequence = 1, int entriesMax = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromSequence, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(entriesMax, 1);
        return Use(connection => LedgerTable.Rows(connection, fromSequence, entriesMax).Select(row => row.ToEntry()).ToArray());
    }

    /// <inheritdoc/>
    public IReadOnlyList<LedgerEntry> ReadJob(JobId job)
    {
        AppendArguments.Check(job);
        return Use(connection => LedgerTable.RowsOf(connection, job).Select(row => row.ToEntry()).ToArray());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Frees what is held.</summary>
    /// <param name="disposing">True: there is no finalizer.</param>
    protected abstract void Dispose(bool disposing);

    /// <summary>Checks every row against the one before it, as far as rows can be read.</summary>
    /// <param name="intact">Gets the entries that stand.</param>
    /// <returns>What is wrong; null where nothing is.</returns>
    /// <exception cref="LedgerException">It can't be found out.</exception>
    internal LedgerDamagedException? FindDamage(ICollection<LedgerEntry>? intact = null)
    {
        long last = 0;
        string check = "";
        try
        {
            return UseRaw(connection =>
            {
                foreach (LedgerRow row in LedgerTable.Rows(connection, long.MinValue))
                {
                    if (row.FaultAfter(last, check) is { } fault)
                    {
                        return new LedgerDamagedException(Name, last + 1, fault);
                    }

                    (last, check) = (row.Sequence, row.Check);
                    intact?.Add(row.ToEntry());
                }

                return StructureFault(connection) is { } structure
                    ? new LedgerDamagedException(Name, last + 1, "the entries before it are whole, but not what holds them: " + structure)
                    : null;
            });
        }
        catch (Exception fault) when (IsDamage(fault))
        {
            return new LedgerDamagedException(Name, last + 1, fault.Message, fault);
        }
        catch (DbException fault)
        {
            throw Explain(fault);
        }
    }

    /// <summary>What the database itself finds wrong with its file; null where nothing is.</summary>
    private protected virtual string? StructureFault(DbConnection connection) => null;

    /// <summary>Whether a fault of the database says that what it read can't be right.</summary>
    private protected virtual bool IsDamage(Exception fault) =>
        fault is InvalidCastException or InvalidOperationException or OverflowException or FormatException;

    /// <summary>A fault of the database in this program's words.</summary>
    private protected abstract LedgerException Explain(DbException fault);

    /// <summary>Lends the connection to one at a time; faults stay the database's own.</summary>
    private protected abstract T UseRaw<T>(Func<DbConnection, T> work);

    private protected T Use<T>(Func<DbConnection, T> work)
    {
        try
        {
            return UseRaw(work);
        }
        catch (DbException fault)
        {
            throw (IsDamage(fault) ? FindDamage() : null) ?? Explain(fault);
        }
    }
}

/// <summary>A ledger in a database, that outlives its process; opened with the claim to be its only writer.</summary>
public abstract class DurableLedger : DurableLedgerReader, IDecisionLedger
{
    private protected DurableLedger(string name)
        : base(name)
    {
    }

    /// <summary>Why nothing is appended any more; null while the claim holds, as far as is known.</summary>
    public virtual string? ClaimLostReason => null;

    /// <inheritdoc/>
    public abstract AppendOutcome Append(long expectedSequence, DateTimeOffset at, LedgerDecision decision);

    /// <summary>Claims the ledger again after the claim was lost; nothing to do where it was not.</summary>
    /// <remarks>What others have written meanwhile is to be read before anything is decided.</remarks>
    /// <exception cref="LedgerClaimedException">Another guardian has it.</exception>
    /// <exception cref="LedgerException">It can't be reached.</exception>
    public virtual void Reclaim()
    {
    }
}
