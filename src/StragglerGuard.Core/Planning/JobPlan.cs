using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace StragglerGuard.Core.Planning;

/// <summary>
/// What a vote switches to: who is in the job, who computes how many micro-batches of a step, how long, and for how many the reduction
/// waits. Immutable, so that every thread may read it.
/// </summary>
/// <remarks>
/// Shares are given by <i>slot</i>: a data-parallel replica's place in the job, the same for as long as the job lives, whereas ranks are
/// numbered anew in every generation: the members in the order of their slots. A plan of the next <see cref="Generation"/> changes the
/// membership: at the step from which it is in force the ranks leave their group, and the members form the next one.
/// </remarks>
public sealed class JobPlan : IEquatable<JobPlan>
{
    /// <summary>The share of a slot that is not in the job.</summary>
    public const int NotMember = -1;

    // Layout, little-endian: magic (4), version (2), flags (2: bit 0 trial, the others 0), epoch (8), generation (4), backups (4), deadline in ns (8), slots (4), one
    // share a slot (4 each), hash (8).
    private const uint Magic = 0x4E4C5053; // "SPLN"
    private const ushort Version = 1;
    private const int HeaderBytes = 36;
    private const int HashBytes = 8;
    private const ushort TrialFlag = 1;

    private readonly int[] _shares;
    private readonly int[] _memberSlots;

    /// <summary>Makes a plan; the shares are copied.</summary>
    /// <param name="epoch">The version of the plan, 0 or more.</param>
    /// <param name="generation">The membership that it is for, 0 or more.</param>
    /// <param name="shares">Micro-batches for each slot, 0 or more, or <see cref="NotMember"/>; at least one member, sum below 2³¹.</param>
    /// <param name="deadlineNs">See <see cref="DeadlineNs"/>.</param>
    /// <param name="backups">See <see cref="Backups"/>.</param>
    /// <param name="isTrial">See <see cref="IsTrial"/>.</param>
    /// <exception cref="ArgumentException">An argument is out of its range; the message says which.</exception>
    public JobPlan(
        PlanEpoch epoch, Generation generation, ReadOnlySpan<int> shares, long deadlineNs = 0, int backups = 0, bool isTrial = false)
    {
        if (Refuse(epoch.Value, generation.Value, shares, deadlineNs, backups) is { } reason)
        {
            throw new ArgumentException(reason);
        }

        Epoch = epoch;
        Generation = generation;
        DeadlineNs = deadlineNs;
        Backups = backups;
        IsTrial = isTrial;
        _shares = shares.ToArray();
        _memberSlots = [.. Enumerable.Range(0, _shares.Length).Where(slot => _shares[slot] != NotMember)];
        Deal = new MicroBatchDeal(epoch, Array.ConvertAll(_memberSlots, slot => _shares[slot]));
        Hash = HashOf();
    }

    /// <summary>The version of the plan.</summary>
    public PlanEpoch Epoch { get; }

    /// <summary>The membership that it is for.</summary>
    public Generation Generation { get; }

    /// <summary>Micro-batches of each slot, or <see cref="NotMember"/>.</summary>
    public ReadOnlySpan<int> Shares => _shares;

    /// <summary>Slots of the job, members or not.</summary>
    public int Slots => _shares.Length;

    /// <summary>The slots of the members, ascending: the place in this list is the replica's number in its generation.</summary>
    public ReadOnlySpan<int> MemberSlots => _memberSlots;

    /// <summary>How many replicas are in the job.</summary>
    public int Members => _memberSlots.Length;

    /// <summary>Micro-batches a step, M.</summary>
    public int Total => Deal.Total;

    /// <summary>The shares of the members, by their number in the generation.</summary>
    public MicroBatchDeal Deal { get; }

    /// <summary>
    /// After so much time of a step a rank begins no further micro-batch and enters the reduction with what it has (DropCompute, Giladi et
    /// al. 2023); what it did not do is requeued.
    /// </summary>
    /// <value>ns from the rank's own begin of the step, its waits for data left out; 0: no deadline.</value>
    public long DeadlineNs { get; }

    /// <summary>The reduction waits for all members but so many (backup workers, Chen et al. 2016).</summary>
    /// <value>0 … members − 1.</value>
    public int Backups { get; }

    /// <summary>
    /// Whether every rank, before its first step under the plan, tries a micro-batch that does not count, all at the same time, and reports how
    /// long it took: what confirms a verdict before anything destructive.
    /// </summary>
    public bool IsTrial { get; }

    /// <summary>
    /// FNV-1a, 64 bits, over all of the plan: the same on every machine and in every run. Groups form only between ranks whose hashes agree;
    /// it is no protection against malice.
    /// </summary>
    public ulong Hash { get; }

    /// <summary>Bytes that <see cref="Write"/> needs.</summary>
    public int EncodedLength => EncodedLengthOf(_shares.Length);

    /// <summary>The plan that a job starts with: everyone in it, the even deal.</summary>
    /// <param name="total">Micro-batches a step, 0 or more.</param>
    /// <param name="slots">Replicas, 1 or more.</param>
    /// <param name="generation">The membership; the first where it isn't given.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public static JobPlan Even(int total, int slots, Generation generation = default) =>
        new(PlanEpoch.Initial, generation, EvenDeal.Of(total, slots));

    /// <summary>Bytes of an encoded plan: the same for all plans of a job.</summary>
    /// <param name="slots">Slots of the job, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 1 slot.</exception>
    /// <exception cref="OverflowException">More slots than an array of bytes can hold.</exception>
    public static int EncodedLengthOf(int slots)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slots, 1);
        return checked(HeaderBytes + (slots * sizeof(int)) + HashBytes);
    }

    /// <summary>The same shares of the members under another epoch, with another deadline and number of backups.</summary>
    /// <param name="epoch">Of the new plan.</param>
    /// <param name="shares">One a member, in the order of <see cref="MemberSlots"/>.</param>
    /// <param name="deadlineNs">See <see cref="DeadlineNs"/>.</param>
    /// <param name="backups">See <see cref="Backups"/>.</param>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public JobPlan Follow(PlanEpoch epoch, ReadOnlySpan<int> shares, long deadlineNs = 0, int backups = 0)
    {
        if (shares.Length != Members)
        {
            throw new ArgumentException(Say($"{shares.Length} shares for {Members} members"), nameof(shares));
        }

        var bySlot = _shares.AsSpan().ToArray();
        for (var member = 0; member < shares.Length; member++)
        {
            bySlot[_memberSlots[member]] = shares[member];
        }

        return new JobPlan(epoch, Generation, bySlot, deadlineNs, backups);
    }

    /// <summary>A slot's number in the generation; −1 where it is not a member.</summary>
    /// <param name="slot">0 … <see cref="Slots"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such slot.</exception>
    public int NumberOf(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, Slots);
        return Math.Max(-1, Array.BinarySearch(_memberSlots, slot));
    }

    /// <summary>Reads what <see cref="Write"/> wrote. Foreign or damaged bytes are refused, never half read.</summary>
    /// <param name="source">Exactly one encoded plan.</param>
    /// <param name="plan">The plan, or null.</param>
    /// <param name="reason">Empty, or why the bytes are no plan.</param>
    public static bool TryRead(ReadOnlySpan<byte> source, [NotNullWhen(true)] out JobPlan? plan, out string reason)
    {
        plan = null;
        if (source.Length < HeaderBytes + sizeof(int) + HashBytes)
        {
            reason = Say($"a plan has {HeaderBytes + sizeof(int) + HashBytes} bytes or more, here are {source.Length}");
            return false;
        }

        var magic = BinaryPrimitives.ReadUInt32LittleEndian(source);
        var version = BinaryPrimitives.ReadUInt16LittleEndian(source[4..]);
        var flags = BinaryPrimitives.ReadUInt16LittleEndian(source[6..]);
        var slots = BinaryPrimitives.ReadInt32LittleEndian(source[32..]);
        reason = magic != Magic ? Say($"the bytes begin with {magic:X8}, a plan with {Magic:X8}")
            : version != Version ? Say($"version {version} of the encoding, this program reads {Version}")
            : flags > TrialFlag ? Say($"flags {flags:X4}, this program knows {TrialFlag:X4}")
            : slots < 1 || (slots * (long)sizeof(int)) + HeaderBytes + HashBytes != source.Length
                ? Say($"{slots} slots don't fit {source.Length} bytes")
            : string.Empty;
        if (reason.Length > 0)
        {
            return false;
        }

        var shares = new int[slots];
        for (var slot = 0; slot < slots; slot++)
        {
            shares[slot] = BinaryPrimitives.ReadInt32LittleEndian(source[(HeaderBytes + (slot * sizeof(int)))..]);
        }

        var epoch = BinaryPrimitives.ReadInt64LittleEndian(source[8..]);
        var generation = BinaryPrimitives.ReadInt32LittleEndian(source[16..]);
        var backups = BinaryPrimitives.ReadInt32LittleEndian(source[20..]);
        var deadlineNs = BinaryPrimitives.ReadInt64LittleEndian(source[24..]);
        if (Refuse(epoch, generation, shares, deadlineNs, backups) is { } refusal)
        {
            reason = refusal;
            return false;
        }

        var read = new JobPlan(new PlanEpoch(epoch), new Generation(generation), shares, deadlineNs, backups, flags == TrialFlag);
        var hash = BinaryPrimitives.ReadUInt64LittleEndian(source[^HashBytes..]);
        if (hash != read.Hash)
        {
            reason = Say($"the hash is {hash:X16}, of this plan it would be {read.Hash:X16}");
            return false;
        }

        plan = read;
        return true;
    }

    /// <summary>Writes the one canonical encoding (versioned, little-endian) and returns its length.</summary>
    /// <param name="destination"><see cref="EncodedLength"/> bytes or more.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public int Write(Span<byte> destination)
    {
        if (destination.Length < EncodedLength)
        {
            throw new ArgumentException(Say($"The plan needs {EncodedLength} bytes, there are {destination.Length}."), nameof(destination));
        }

        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[4..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[6..], IsTrial ? TrialFlag : (ushort)0);
        BinaryPrimitives.WriteInt64LittleEndian(destination[8..], Epoch.Value);
        BinaryPrimitives.WriteInt32LittleEndian(destination[16..], Generation.Value);
        BinaryPrimitives.WriteInt32LittleEndian(destination[20..], Backups);
        BinaryPrimitives.WriteInt64LittleEndian(destination[24..], DeadlineNs);
        BinaryPrimitives.WriteInt32LittleEndian(destination[32..], _shares.Length);
        var at = HeaderBytes;
        foreach (var share in _shares)
        {
            BinaryPrimitives.WriteInt32LittleEndian(destination[at..], share);
            at += sizeof(int);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(destination[at..], Hash);
        return at + HashBytes;
    }

    /// <summary>Equal in everything.</summary>
    public bool Equals(JobPlan? other)
        => other is not null && Epoch == other.Epoch && Generation == other.Generation && DeadlineNs == other.DeadlineNs
            && Backups == other.Backups && IsTrial == other.IsTrial && _shares.AsSpan().SequenceEqual(other._shares);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as JobPlan);

    /// <inheritdoc/>
    public override int GetHashCode() => Hash.GetHashCode();

    /// <inheritdoc/>
    public override string ToString()
    {
        var shares = string.Join(' ', _shares.Select(share => share == NotMember ? "-" : share.ToString(CultureInfo.InvariantCulture)));
        var deadline = DeadlineNs > 0 ? Say($", deadline {DeadlineNs * 1e-6:0.###} ms") : string.Empty;
        var backups = Backups > 0 ? Say($", {Backups} backup workers") : string.Empty;
        var trial = IsTrial ? ", after a trial" : string.Empty;
        return Say($"{Epoch}, {Generation}: [{shares}]{deadline}{backups}{trial}");
    }

    private static string? Refuse(long epoch, int generation, ReadOnlySpan<int> shares, long deadlineNs, int backups)
    {
        long sum = 0;
        var members = 0;
        for (var slot = 0; slot < shares.Length; slot++)
        {
            if (shares[slot] < NotMember)
            {
                return Say($"slot {slot} is dealt {shares[slot]} micro-batches");
            }

            members += shares[slot] == NotMember ? 0 : 1;
            sum += Math.Max(0, shares[slot]);
        }

        return epoch < 0 ? Say($"epoch {epoch} is negative")
            : generation < 0 ? Say($"generation {generation} is negative")
            : members == 0 ? "no slot is a member"
            : sum > int.MaxValue ? Say($"{sum} micro-batches are more than {int.MaxValue}")
            : deadlineNs < 0 ? Say($"a deadline of {deadlineNs} ns is negative")
            : backups < 0 || backups >= members ? Say($"{backups} backups among {members} members are not within 0 … {members - 1}")
            : null;
    }

    private ulong HashOf()
    {
        var hash = 14695981039346656037;
        Mix(ref hash, (ulong)Epoch.Value, sizeof(long));
        Mix(ref hash, (uint)Generation.Value, sizeof(int));
        Mix(ref hash, (uint)Backups, sizeof(int));
        Mix(ref hash, IsTrial ? 1u : 0u, sizeof(byte));
        Mix(ref hash, (ulong)DeadlineNs, sizeof(long));
        foreach (var share in _shares)
        {
            Mix(ref hash, (uint)share, sizeof(int));
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
}
