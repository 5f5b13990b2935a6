using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using StragglerGuard.Core;

namespace StragglerGuard.Recording;

/// <summary>What a look at the <see cref="ControlPage"/> found.</summary>
public enum ControlRead
{
    /// <summary>No plan newer than the one asked about.</summary>
    NothingNew = 0,

    /// <summary>A newer plan was copied out, whole.</summary>
    Copied = 1,

    /// <summary>A plan was being written at every look, or its writer died over it. Look again at the next step.</summary>
    BeingWritten = 2,

    /// <summary>The plan is longer than the destination; the length says by how much.</summary>
    DestinationTooSmall = 3,
}

/// <summary>
/// The page of a <see cref="StepRing"/> on which the newest plan comes down: the agent publishes, the rank copies. Neither waits for
/// the other, and a plan that was only half seen is never taken for one.
/// </summary>
/// <remarks>
/// A sequence lock: the version is odd while the agent writes, and a reader believes a copy only if it saw the same even version before
/// and after, and the check agrees. Layout, little-endian, from the page's start: 0 u64 version (0: nothing published yet); 8 i64 plan
/// epoch; 16 u64 length of the plan in bytes; 24 u64 check; 64 the plan's bytes. With F and the keys k of <see cref="StepRecordLayout"/>
/// the check starts as F(version^k2, epoch^k3) ^ F(length^k0, k2) and becomes F(check^k0, word^k1) for each 64-bit word of the plan, the
/// last one filled up with zeros.
/// </remarks>
public sealed unsafe class ControlPage
{
    private const int PlanOffset = 64;
    private const int Looks = 16;

    private readonly StepRing _ring;
    private readonly byte* _page;

    internal ControlPage(StepRing ring, byte* page, int pageBytes)
    {
        _ring = ring;
        _page = page;
        Capacity = pageBytes - PlanOffset;
    }

    /// <summary>The longest plan that fits.</summary>
    /// <value>Bytes.</value>
    public int Capacity { get; }

    /// <summary>The smallest page, in bytes, on which a plan of this length fits; for <see cref="StepRing.Allocate"/> and <see cref="StepRing.Format"/>.</summary>
    /// <param name="planBytes">0 or more.</param>
    internal static int BytesFor(int planBytes) =>
        checked((PlanOffset + planBytes + RingHeader.PageBytes - 1) / RingHeader.PageBytes * RingHeader.PageBytes);

    private ref Head Fields => ref Unsafe.AsRef<Head>(_page);

    /// <summary>Puts a plan in the place of the one before. For the agent's one thread; never waits for readers, allocates nothing.</summary>
    /// <param name="epoch">The plan's epoch; readers look for one newer than theirs.</param>
    /// <param name="plan">Its encoded bytes.</param>
    /// <returns>False, with the page as it was, where the plan is longer than <see cref="Capacity"/>.</returns>
    public bool TryPublish(PlanEpoch epoch, ReadOnlySpan<byte> plan)
    {
        if (plan.Length > Capacity)
        {
            return false;
        }

        ref var head = ref Fields;
        // An odd version left behind by a writer that died is passed over, so that a reader in the middle of its copy notices.
        var writing = (Volatile.Read(ref head.Version) + 1) | 1;
        var whole = writing + 1;
        Volatile.Write(ref head.Version, writing);
        Volatile.WriteBarrier();
        head.Epoch = epoch.Value;
        head.LengthBytes = (ulong)plan.Length;
        plan.CopyTo(new Span<byte>(_page + PlanOffset, Capacity));
        head.Check = CheckOf(whole, epoch.Value, plan);
        Volatile.Write(ref head.Version, whole);
        GC.KeepAlive(_ring);
        return true;
    }

    /// <summary>
    /// Copies out the newest plan if it is newer than the caller's. Looks at most sixteen times, allocates nothing; when there is nothing
    /// new it costs two loads, so a rank can afford it at every step.
    /// </summary>
    /// <param name="newerThan">The epoch of the newest plan that the caller holds.</param>
    /// <param name="destination">Room for <see cref="Capacity"/> bytes. Its content is undefined unless the answer is <see cref="ControlRead.Copied"/>.</param>
    /// <param name="epoch">The plan's epoch; <paramref name="newerThan"/> where none was copied.</param>
    /// <param name="lengthBytes">The plan's length; also given with <see cref="ControlRead.DestinationTooSmall"/>, else 0.</param>
    /// <returns>What was found.</returns>
    public ControlRead TryRead(PlanEpoch newerThan, Span<byte> destination, out PlanEpoch epoch, out int lengthBytes)
    {
        epoch = newerThan;
        lengthBytes = 0;
        ref var head = ref Fields;
        for (var look = 0; look < Looks; look++)
        {
            var version = Volatile.Read(ref head.Version);
            if (version == 0)
            {
                return ControlRead.NothingNew;
            }

            if ((version & 1) != 0)
            {
                continue;
            }

            var found = new PlanEpoch(Volatile.Read(ref head.Epoch));
            if (found <= newerThan)
            {
                return ControlRead.NothingNew;
            }

            var length = head.LengthBytes;
            var check = head.Check;
            if (length > (ulong)Capacity)
            {
                continue;
            }

            var fits = length <= (ulong)destination.Length;
            if (fits)
            {
                new ReadOnlySpan<byte>(_page + PlanOffset, (int)length).CopyTo(destination);
            }

            Volatile.ReadBarrier();
            if (Volatile.Read(ref head.Version) != version)
            {
                continue;
            }

            if (!fits)
            {
                lengthBytes = (int)length;
                return ControlRead.DestinationTooSmall;
            }

            if (CheckOf(version, found.Value, destination[..(int)length]) == check)
            {
                epoch = found;
                lengthBytes = (int)length;
                GC.KeepAlive(_ring);
                return ControlRead.Copied;
            }
        }

        return ControlRead.BeingWritten;
    }

    private static ulong CheckOf(ulong version, long epoch, ReadOnlySpan<byte> plan)
    {
        var seed = CheckWord.Fold(version ^ CheckWord.Key2, (ulong)epoch ^ CheckWord.Key3)
            ^ CheckWord.Fold((ulong)plan.Length ^ CheckWord.Key0, CheckWord.Key2);
        return CheckWord.Over(seed, plan);
    }

    [StructLayout(LayoutKind.Explicit, Size = PlanOffset)]
    private struct Head
    {
        [FieldOffset(0)] internal ulong Version;
        [FieldOffset(8)] internal long Epoch;
        [FieldOffset(16)] internal ulong LengthBytes;
        [FieldOffset(24)] internal ulong Check;
    }
}
