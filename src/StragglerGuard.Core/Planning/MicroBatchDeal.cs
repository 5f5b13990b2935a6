using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace StragglerGuard.Core.Planning;

/// <summary>
/// Who computes which micro-batches of a step, under which epoch. Immutable, so that every thread may read it.
/// </summary>
/// <remarks>
/// Micro-batches are numbered k = 0 … <see cref="Total"/> − 1 within a step and dealt in rank order: rank r computes
/// <see cref="First"/> … <see cref="End"/> − 1. (step, k) names a micro-batch whoever computes it.
/// </remarks>
public sealed class MicroBatchDeal : IEquatable<MicroBatchDeal>
{
    // Layout, little-endian: magic (4), version (2), zero (2), epoch (8), ranks (4), one count a rank (4 each), hash (8).
    private const uint Magic = 0x4C414453; // "SDAL"
    private const ushort Version = 1;
    private const int HeaderBytes = 20;
    private const int HashBytes = 8;

    private readonly int[] _counts;
    private readonly int[] _ends;

    /// <summary>Makes a deal; the counts are copied.</summary>
    /// <param name="epoch">The version of the deal, 0 or more.</param>
    /// <param name="microBatches">Micro-batches for each rank, 0 or more each, at least one rank, sum below 2³¹.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public MicroBatchDeal(PlanEpoch epoch, ReadOnlySpan<int> microBatches)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch.Value, nameof(epoch));
        ArgumentOutOfRangeException.ThrowIfZero(microBatches.Length, nameof(microBatches));
        if (Refuse(microBatches) is { } reason)
        {
            throw new ArgumentOutOfRangeException(nameof(microBatches), reason);
        }

        Epoch = epoch;
        _counts = microBatches.ToArray();
        _ends = new int[_counts.Length];
        var end = 0;
        for (var rank = 0; rank < _counts.Length; rank++)
        {
            end += _counts[rank];
            _ends[rank] = end;
        }

        Hash = HashOf(epoch, _counts);
    }

    /// <summary>The version of the deal.</summary>
    public PlanEpoch Epoch { get; }

    /// <summary>How many ranks it deals to.</summary>
    public int Ranks => _counts.Length;

    /// <summary>Micro-batches a step, M.</summary>
    public int Total => _ends[^1];

    /// <summary>Micro-batches for each rank.</summary>
    public ReadOnlySpan<int> MicroBatches => _counts;

    /// <summary>
    /// FNV-1a, 64 bits, over the epoch and the counts as they are encoded: the same on every machine and in every run. Groups form
    /// only between ranks whose hashes agree; it is no protection against malice.
    /// </summary>
    public ulong Hash { get; }

    /// <summary>Bytes that <see cref="Write"/> needs.</summary>
    public int EncodedLength => EncodedLengthOf(_counts.Length);

    /// <summary>The deal that a job starts with.</summary>
    /// <param name="total">Micro-batches a step, 0 or more.</param>
    /// <param name="ranks">1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public static MicroBatchDeal Even(int total, int ranks) => new(PlanEpoch.Initial, EvenDeal.Of(total, ranks));

    /// <summary>Bytes of an encoded deal.</summary>
    /// <param name="ranks">How many ranks it deals to, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 1 rank.</exception>
    /// <exception cref="OverflowException">More ranks than an array of bytes can hold.</exception>
    public static int EncodedLengthOf(int ranks)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        return checked(HeaderBytes + (ranks * sizeof(int)) + HashBytes);
    }

    /// <summary>Reads what <see cref="Write"/> wrote. Foreign or damaged bytes are refused, never half read.</summary>
    /// <param name="source">Exactly one encoded deal.</param>
    /// <param name="deal">The deal, or null.</param>
    /// <param name="reason">Empty, or why the bytes are no deal.</param>
    public static bool TryRead(ReadOnlySpan<byte> source, [NotNullWhen(true)] out MicroBatchDeal? deal, out string reason)
    {
        deal = null;
        if (source.Length < HeaderBytes + sizeof(int) + HashBytes)
        {
            reason = Say($"a deal has {HeaderBytes + sizeof(int) + HashBytes} bytes or more, here are {source.Length}");
            return false;
        }

        var magic = BinaryPrimitives.ReadUInt32LittleEndian(source);
        var version = BinaryPrimitives.ReadUInt16LittleEndian(source[4..]);
        var zero = BinaryPrimitives.ReadUInt16LittleEndian(source[6..]);
        var epoch = BinaryPrimitives.ReadInt64LittleEndian(source[8..]);
        var ranks = BinaryPrimitives.ReadInt32LittleEndian(source[16..]);
        reason = magic != Magic ? Say($"the bytes begin with {magic:X8}, a deal with {Magic:X8}")
            : version != Version ? Say($"version {version} of the encoding, this program reads {Version}")
            : zero != 0 ? Say($"bytes 6 and 7 hold {zero}, not 0")
            : epoch < 0 ? Say($"epoch {epoch} is negative")
            : ranks < 1 || (ranks * (long)sizeof(int)) + HeaderBytes + HashBytes != source.Length
                ? Say($"{ranks} ranks don't fit {source.Length} bytes")
            : string.Empty;
        if (reason.Length > 0)
        {
            return false;
        }

        var counts = new int[ranks];
        for (var rank = 0; rank < ranks; rank++)
        {
            counts[rank] = BinaryPrimitives.ReadInt32LittleEndian(source[(HeaderBytes + (rank * sizeof(int)))..]);
        }

        if (Refuse(counts) is { } refusal)
        {
            reason = refusal;
            return false;
        }

        var read = new MicroBatchDeal(new PlanEpoch(epoch), counts);
        var hash = BinaryPrimitives.ReadUInt64LittleEndian(source[^HashBytes..]);
        if (hash != read.Hash)
        {
            reason = Say($"the hash is {hash:X16}, of these counts it would be {read.Hash:X16}");
            return false;
        }

        deal = read;
        return true;
    }

    /// <summary>How many micro-batches a rank computes.</summary>
    /// <param name="rank">0 … <see cref="Ranks"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    public int Count(Rank rank) => _counts[Checked(rank)];

    /// <summary>The first micro-batch of a rank.</summary>
    /// <param name="rank">0 … <see cref="Ranks"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    public int First(Rank rank) => End(rank) - _counts[rank.Value];

    /// <summary>One past the last micro-batch of a rank.</summary>
    /// <param name="rank">0 … <see cref="Ranks"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    public int End(Rank rank) => _ends[Checked(rank)];

    /// <summary>Writes the one canonical encoding (versioned, little-endian) and returns its length.</summary>
    /// <param name="destination"><see cref="EncodedLength"/> bytes or more.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public int Write(Span<byte> destination)
    {
        if (destination.Length < EncodedLength)
        {
            throw new ArgumentException(Say($"The deal needs {EncodedLength} bytes, there are {destination.Length}."), nameof(destination));
        }

        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[4..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[6..], 0);
        BinaryPrimitives.WriteInt64LittleEndian(destination[8..], Epoch.Value);
        BinaryPrimitives.WriteInt32LittleEndian(destination[16..], _counts.Length);
        var at = HeaderBytes;
        foreach (var count in _counts)
        {
            BinaryPrimitives.WriteInt32LittleEndian(destination[at..], count);
            at += sizeof(int);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(destination[at..], Hash);
        return at + HashBytes;
    }

    /// <summary>Equal epoch and equal counts.</summary>
    public bool Equals(MicroBatchDeal? other)
        => other is not null && Epoch == other.Epoch && _counts.AsSpan().SequenceEqual(other._counts);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as MicroBatchDeal);

    /// <inheritdoc/>
    public override int GetHashCode() => Hash.GetHashCode();

    /// <inheritdoc/>
    public override string ToString() => $"{Epoch}: [{string.Join(", ", _counts)}]";

    private static string? Refuse(ReadOnlySpan<int> counts)
    {
        long sum = 0;
        for (var rank = 0; rank < counts.Length; rank++)
        {
            if (counts[rank] < 0)
            {
                return Say($"rank {rank} is dealt {counts[rank]} micro-batches");
            }

            sum += counts[rank];
        }

        return sum > int.MaxValue ? Say($"{sum} micro-batches are more than {int.MaxValue}") : null;
    }

    private static ulong HashOf(PlanEpoch epoch, ReadOnlySpan<int> counts)
    {
        var hash = 14695981039346656037;
        Mix(ref hash, (ulong)epoch.Value, sizeof(long));
        foreach (var count in counts)
        {
            Mix(ref hash, (uint)count, sizeof(int));
        }

        return hash;

        static void Mix(ref ulong hash, ulong value, int bytes)
        {
            for (var i = 0; i < bytes; i++)
            {
                hash = (hash ^ (byte)(value >> (8 * i))) * 1099511628211;
            }
        }
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private int Checked(Rank rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank.Value, nameof(rank));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank.Value, _counts.Length, nameof(rank));
        return rank.Value;
    }
}
