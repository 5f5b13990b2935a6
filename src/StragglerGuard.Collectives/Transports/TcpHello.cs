using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace StragglerGuard.Collectives.Transports;

/// <summary>What a connection is for.</summary>
internal enum TcpChannel : byte
{
    /// <summary>The bytes of the collectives.</summary>
    Data = 0,

    /// <summary>Questions, goodbyes and aborts; read by the monitor while the rank's thread blocks.</summary>
    Control = 1,
}

/// <summary>
/// The first message on every connection, in both directions. Little-endian; magic and schema version keep their place in every
/// version.
/// </summary>
/// <param name="Schema">Version of the wire format.</param>
/// <param name="Channel">What the connection is for.</param>
/// <param name="Rank">Who speaks.</param>
/// <param name="WorldSize">Ranks of the group.</param>
/// <param name="Generation">Membership.</param>
/// <param name="Epoch">Plan in force.</param>
/// <param name="PlanHash">Hash of that plan.</param>
/// <param name="TokenHash">SHA-256 of the job token: the token itself is not shown to whoever listens.</param>
internal sealed record TcpHello(
    ushort Schema, TcpChannel Channel, int Rank, int WorldSize, int Generation, long Epoch, ulong PlanHash, byte[] TokenHash)
{
    public const uint Magic = 0x4C4C4F43; // "COLL"
    public const ushort CurrentSchema = 1;
    public const int PrefixBytes = 6;
    public const int Bytes = 68;

    public static TcpHello From(TcpIdentity identity, int worldSize, TcpChannel channel) => new(
        CurrentSchema, channel, identity.Rank.Value, worldSize, identity.Generation.Value, identity.EpochInForce.Value,
        identity.PlanHash, SHA256.HashData(Encoding.UTF8.GetBytes(identity.JobToken)));

    /// <summary>Whether the bytes received so far may begin a hello; a port scanner's do not.</summary>
    public static bool MayBegin(ReadOnlySpan<byte> received) =>
        received.Length < sizeof(uint) || BinaryPrimitives.ReadUInt32LittleEndian(received) == Magic;

    /// <summary>The schema version, known as soon as the prefix is there.</summary>
    public static ushort ReadSchema(ReadOnlySpan<byte> prefix) => BinaryPrimitives.ReadUInt16LittleEndian(prefix[4..]);

    public static TcpHello Read(ReadOnlySpan<byte> bytes) => new(
        ReadSchema(bytes),
        (TcpChannel)bytes[6],
        BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]),
        BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]),
        BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[20..]),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[28..]),
        bytes.Slice(36, SHA256.HashSizeInBytes).ToArray());

    public byte[] ToBytes()
    {
        var bytes = new byte[Bytes];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), Schema);
        bytes[6] = (byte)Channel;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), Rank);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), WorldSize);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), Generation);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(20), Epoch);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(28), PlanHash);
        TokenHash.CopyTo(bytes, 36);
        return bytes;
    }

    /// <summary>Whether the speaker knows the job's secret, compared in constant time.</summary>
    public bool HasTokenOf(TcpHello other) => CryptographicOperations.FixedTimeEquals(TokenHash, other.TokenHash);

    /// <summary>The first field in which a peer with the right token is not of this group.</summary>
    public (string Field, string Own, string Theirs)? FindDifference(TcpHello theirs)
    {
        static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

        return theirs.WorldSize != WorldSize ? ("world size", Text(WorldSize), Text(theirs.WorldSize))
            : theirs.Generation != Generation ? ("generation", Text(Generation), Text(theirs.Generation))
            : theirs.Epoch != Epoch ? ("epoch in force", Text(Epoch), Text(theirs.Epoch))
            : theirs.PlanHash != PlanHash ? ("plan hash", $"{PlanHash:x16}", $"{theirs.PlanHash:x16}")
            : null;
    }
}
