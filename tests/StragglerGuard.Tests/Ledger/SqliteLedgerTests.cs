using Microsoft.Data.Sqlite;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Telemetry;

namespace StragglerGuard.Tests.Ledger;

public sealed class SqliteLedgerTests : DurableLedgerTests
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stragglerguard-ledger-");
    private int _made;

    private string NewPath() => Path.Combine(_folder.FullName, $"{_made++}.ledger");

    protected override string NewPlace() => NewPath();

    protected override void Change(string place, string statement)
    {
        using var connection = new SqliteConnection($"Data Source={place};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "DROP TRIGGER IF EXISTS stragglerguard_no_update; DROP TRIGGER IF EXISTS stragglerguard_no_delete; " + statement;
        command.ExecuteNonQuery();
    }

    protected override bool HasJobIndex(string place)
    {
        using var connection = new SqliteConnection($"Data Source={place};Pooling=False;Mode=ReadOnly");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT 1 FROM sqlite_master WHERE name = 'stragglerguard_entries_of_job'";
        return command.ExecuteScalar() is not null;
    }

    public override void Dispose()
    {
        base.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Connection_ThatWrites_HasALogAndSynchronisesEachCommit()
    {
        string path = NewPath();
        using SqliteConnection connection = SqliteFile.Connect(path, SqliteOpenMode.ReadWriteCreate);

        SqliteFile.MakeDurable(connection, path);

        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode";
        command.ExecuteScalar().Should().Be("wal");
        command.CommandText = "PRAGMA synchronous";
        command.ExecuteScalar().Should().Be(2L, "that is FULL");
    }

    [Theory]
    [InlineData("UPDATE stragglerguard_entries SET payload = 'x'")]
    [InlineData("DELETE FROM stragglerguard_entries")]
    public void Rows_ForAnyProgram_CantBeChanged(string statement)
    {
        string path = NewPath();
        using SqliteLedger ledger = SqliteLedger.Open(path);
        Fill(ledger, 2);
        using var other = new SqliteConnection($"Data Source={path};Pooling=False");
        other.Open();
        using SqliteCommand command = other.CreateCommand();
        command.CommandText = statement;

        command.Invoking(change => change.ExecuteNonQuery()).Should().Throw<SqliteException>().WithMessage("*append-only*");
    }

    [Fact]
    public void Claim_ThroughALink_IsThatOfTheFile()
    {
        string path = NewPath();
        string link = NewPath();
        using SqliteLedger ledger = SqliteLedger.Open(path);
        File.CreateSymbolicLink(link, path);

        FluentActions.Invoking(() => SqliteLedger.Open(link)).Should().Throw<LedgerClaimedException>();
    }

    [FactIfAvailable("flock", "util-linux")]
    public void Claim_OfAProcessThatWasKilled_IsFreeAgain()
    {
        string path = NewPath();
        SqliteLedger.Open(path).Dispose();
        using var holder = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("flock")
        {
            ArgumentList = { "--exclusive", "--no-fork", path + "-claim", "sh", "-c", "echo held; exec cat" },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        try
        {
            holder.StandardOutput.ReadLine().Should().Be("held");
            FluentActions.Invoking(() => SqliteLedger.Open(path)).Should().Throw<LedgerClaimedException>().Which.Holder.Should().Be("another process");
        }
        finally
        {
            holder.Kill(entireProcessTree: true);
            holder.WaitForExit();
        }

        using SqliteLedger ledger = SqliteLedger.Open(path);
        Fill(ledger, 1);
    }

    [Fact]
    public void Log_CutAtEveryByte_OpensAtItsLastWholeEntry()
    {
        const int Entries = 4;
        string path = NewPath();
        string wal = path + "-wal";
        string cut = NewPath();
        var lengths = new List<long>();
        byte[] whole;
        using (SqliteLedger ledger = SqliteLedger.Open(path, pageBytes: 512))
        {
            Fill(ledger, 1);
            Checkpoint(path);
            File.Copy(path, cut);
            for (int number = 2; number <= Entries; number++)
            {
                ledger.Append(number, Now, Decision(number));
                lengths.Add(LogLength(wal));
            }

            whole = ReadShared(wal);
        }

        var expected = Enumerable.Range(1, Entries).Select(i => new LedgerEntry(i, Now, Decision(i))).ToList();
        whole.Length.Should().BeGreaterThanOrEqualTo((int)lengths[^1]);
        for (int length = 0; length <= lengths[^1]; length++)
        {
            File.Delete(cut + "-shm");
            File.WriteAllBytes(cut + "-wal", whole[..length]);
            int kept = 1 + lengths.Count(end => end <= length);
            using SqliteLedgerReader reader = SqliteLedgerReader.Open(cut);
            if (!reader.Read().SequenceEqual(expected.Take(kept)))
            {
                reader.Read().Should().Equal(expected.Take(kept), $"of the log {length} bytes are left");
            }
        }

        foreach (int length in lengths.SelectMany(end => new[] { (int)end - 1, (int)end }).Append(0))
        {
            string copy = NewPath();
            File.Copy(cut, copy);
            File.WriteAllBytes(copy + "-wal", whole[..length]);
            long kept = 1 + lengths.Count(end => end <= length);
            using SqliteLedger ledger = SqliteLedger.Open(copy);
            ledger.Append(kept + 1, Now, Decision(99)).Should().Be(new AppendOutcome(Appended: true, kept + 1), $"of the log {length} bytes are left");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void File_EmptiedOrGoneBesideItsLog_IsRefusedAndTheLogIsKept(bool isThere)
    {
        string path = NewPath();
        string copy = NewPath();
        using (SqliteLedger ledger = SqliteLedger.Open(path))
        {
            Fill(ledger, 3);
            File.WriteAllBytes(copy + "-wal", ReadShared(path + "-wal"));
        }

        if (isThere)
        {
            File.WriteAllBytes(copy, []);
            FluentActions.Invoking(() => SqliteLedgerReader.Open(copy)).Should().Throw<LedgerDamagedException>();
        }

        long log = LogLength(copy + "-wal");
        FluentActions.Invoking(() => SqliteLedger.Open(copy)).Should().Throw<LedgerDamagedException>()
            .WithMessage($"{copy} is damaged at entry 1: it is empty or gone, but its log {Path.GetFileName(copy)}-wal is not. *");
        LogLength(copy + "-wal").Should().Be(log).And.BePositive();
    }

    [Fact]
    public void File_WithAnyByteChanged_IsRefusedOrSaysTheSame()
    {
        const int Entries = 4;
        const int Seed = 7;
        string path = NewPath();
        using (SqliteLedger ledger = SqliteLedger.Open(path, pageBytes: 512))
        {
            Fill(ledger, Entries);
        }

        byte[] whole = File.ReadAllBytes(path);
        string changed = NewPath();
        var random = new Random(Seed);
        int refused = 0;
        var expected = Enumerable.Range(1, Entries).Select(i => new LedgerEntry(i, Now, Decision(i))).ToList();
        for (int at = random.Next(3); at < whole.Length; at += 1 + random.Next(5))
        {
            byte[] bytes = [.. whole];
            bytes[at] ^= (byte)(1 + random.Next(255));
            File.WriteAllBytes(changed, bytes);
            try
            {
                using SqliteLedgerReader reader = SqliteLedgerReader.Open(changed);
                if (!reader.Read().SequenceEqual(expected) || !reader.ReadJob(Decision(1).Job).SequenceEqual(expected))
                {
                    reader.Read().Should().Equal(expected, $"byte {at} was changed, seed {Seed}");
                    reader.ReadJob(Decision(1).Job).Should().Equal(expected, $"byte {at} was changed, seed {Seed}");
                }
            }
            catch (LedgerException fault)
            {
                refused++;
                fault.Message.Should().StartWith(changed);
                if (fault is LedgerDamagedException)
                {
                    LedgerLocation.Parse(changed).Invoking(location => location.ReadIntact())
                        .Should().NotThrow<SqliteException>().And.NotThrow<NullReferenceException>();
                }
            }
        }

        refused.Should().BeGreaterThan(whole.Length / 20, "most of the file means something");
    }

    [Fact]
    public void File_ThatWasCut_IsRefusedWithWhatToDo()
    {
        string path = NewPath();
        using (SqliteLedger ledger = SqliteLedger.Open(path, pageBytes: 512))
        {
            Fill(ledger, 20);
        }

        using (FileStream file = File.OpenWrite(path))
        {
            file.SetLength(file.Length / 1024 * 512);
        }

        foreach (Action open in new Action[] { () => SqliteLedger.Open(path), () => SqliteLedgerReader.Open(path) })
        {
            LedgerDamagedException fault = open.Should().Throw<LedgerDamagedException>().Which;
            fault.FirstBadSequence.Should().BeInRange(1, 21);
            fault.Message.Should().Contain(". Put back a copy of it, or move it away and go on with a new one").And.Contain(path).And.NotContain("..");
        }
    }

    [Fact]
    public void File_OfAnotherProgram_IsRefusedAndLeftAsItWas()
    {
        string path = NewPath();
        using (var other = new SqliteConnection($"Data Source={path};Pooling=False"))
        {
            other.Open();
            using SqliteCommand command = other.CreateCommand();
            command.CommandText = "CREATE TABLE invoices (id)";
            command.ExecuteNonQuery();
        }

        byte[] before = File.ReadAllBytes(path);
        FluentActions.Invoking(() => SqliteLedger.Open(path)).Should().Throw<LedgerException>().WithMessage("*another program*");
        FluentActions.Invoking(() => SqliteLedgerReader.Open(path)).Should().Throw<LedgerException>().WithMessage("*another program*");
        File.ReadAllBytes(path).Should().Equal(before);
    }

    [Fact]
    public void File_ThatIsNoDatabase_IsRefusedAndLeftAsItWas()
    {
        string path = NewPath();
        string text = string.Concat(Enumerable.Repeat("not a database\n", 100));
        File.WriteAllText(path, text);

        FluentActions.Invoking(() => SqliteLedger.Open(path)).Should().Throw<LedgerDamagedException>().WithMessage("*no SQLite file. Put back*no entry of it can be shown*");
        FluentActions.Invoking(() => SqliteLedgerReader.Open(path)).Should().Throw<LedgerDamagedException>();
        File.ReadAllText(path).Should().Be(text);
    }

    [Fact]
    public void Path_ThatHoldsNoLedger_IsSaid()
    {
        FluentActions.Invoking(() => SqliteLedgerReader.Open(NewPath())).Should().Throw<LedgerException>().WithMessage("*there is no such ledger*");
        FluentActions.Invoking(() => SqliteLedger.Open(_folder.FullName)).Should().Throw<LedgerException>().WithMessage("*is a folder*");
        FluentActions.Invoking(() => SqliteLedgerReader.Open(_folder.FullName)).Should().Throw<LedgerException>().WithMessage("*is a folder*");
        FluentActions.Invoking(() => SqliteLedger.Open(Path.Combine(_folder.FullName, "nowhere", "x"))).Should().Throw<LedgerException>().WithMessage($"{_folder.FullName}*: its folder is not there*");
        string empty = NewPath();
        File.WriteAllBytes(empty, []);
        FluentActions.Invoking(() => SqliteLedgerReader.Open(empty)).Should().Throw<LedgerException>().WithMessage("*no ledger was begun*");
    }

    [Fact]
    public void File_HeldLocked_FailsTheAppendAndLosesNothing()
    {
        string path = NewPath();
        using SqliteLedger ledger = SqliteLedger.Open(path);
        Fill(ledger, 1);
        ledger.BusySeconds = 1;
        using (var other = new SqliteConnection($"Data Source={path};Pooling=False"))
        {
            other.Open();
            using SqliteTransaction held = other.BeginTransaction(deferred: false);
            ledger.Invoking(l => l.Append(2, Now, Decision(2))).Should().Throw<LedgerException>().WithMessage("*another program holds it locked*");
        }

        ledger.Append(2, Now, Decision(2)).Appended.Should().BeTrue();
        ledger.Read().Should().HaveCount(2);
    }

    private static void Checkpoint(string path)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "PRAGMA wal_checkpoint(TRUNCATE)";
        using SqliteDataReader done = command.ExecuteReader();
        done.Read().Should().BeTrue();
        done.GetInt64(0).Should().Be(0, "nobody was in its way");
    }

    private static long LogLength(string wal) => new FileInfo(wal).Length;

    private static byte[] ReadShared(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }
}
