using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace StragglerGuard.Fabric.Wire;

/// <summary>
/// The nodes that reported lately, by the bytes of their names, as many as memory may take. Any number of threads may use it.
/// </summary>
/// <remarks>
/// Two halves: what is asked for moves into the young one; when that is full it becomes the old one, and what nobody asked for since goes.
/// </remarks>
internal sealed class KnownNodes
{
    /// <summary>Longer names are not kept.</summary>
    public const int NameBytesMax = 256;

    /// <summary>A node with a longer enrollment is not kept.</summary>
    public const int EnrollmentBytesMax = 512;

    private readonly int _ranksMax;
    private readonly Lock _gate = new();
    private volatile Half _young = new();
    private volatile Half _old = new();

    /// <summary>Begins with none.</summary>
    /// <param name="ranksMax">Ranks in each half, about.</param>
    public KnownNodes(int ranksMax) => _ranksMax = ranksMax;

    /// <summary>Ranks that are known.</summary>
    public int Ranks => _young.Ranks + _old.Ranks;

    /// <summary>Finds a node by its name. Allocates nothing but where the node moves from the old half to the young one.</summary>
    public bool TryFind(ReadOnlySpan<byte> name, [NotNullWhen(true)] out KnownNode? node)
    {
        if (_young.TryFind(name, out node))
        {
            return true;
        }

        if (!_old.TryFind(name, out node))
        {
            return false;
        }

        Keep(name, node);
        return true;
    }

    /// <summary>Keeps a node, in place of what was known of it, unless its name or what it says is longer than anybody's should be.</summary>
    public void Keep(ReadOnlySpan<byte> name, KnownNode node)
    {
        if (name.Length > NameBytesMax || node.Ranks.Length > _ranksMax
            || Array.Exists(node.Ranks, rank => rank.Bytes.Length > EnrollmentBytesMax))
        {
            return;
        }

        lock (_gate)
        {
            // A node without ranks takes memory, too.
            if (_young.Ranks + Math.Max(1, node.Ranks.Length) > _ranksMax)
            {
                _old = _young;
                _young = new Half();
            }

            _young.Keep(name.ToArray(), node);
        }
    }

    private sealed class Half
    {
        private readonly ConcurrentDictionary<byte[], KnownNode> _nodes = new(ByteContent.Instance);
        private readonly ConcurrentDictionary<byte[], KnownNode>.AlternateLookup<ReadOnlySpan<byte>> _byName;

        public Half() => _byName = _nodes.GetAlternateLookup<ReadOnlySpan<byte>>();

        public int Ranks { get; private set; }

        public bool TryFind(ReadOnlySpan<byte> name, [NotNullWhen(true)] out KnownNode? node) => _byName.TryGetValue(name, out node);

        /// <summary>Under the gate.</summary>
        public void Keep(byte[] name, KnownNode node)
        {
            int before = _nodes.TryGetValue(name, out KnownNode? known) ? Math.Max(1, known.Ranks.Length) : 0;
            _nodes[name] = node;
            Ranks += Math.Max(1, node.Ranks.Length) - before;
        }
    }

    /// <summary>Compares bytes; the hash is another one in every process, so that nobody can choose names that collide.</summary>
    private sealed class ByteContent : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly ByteContent Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] bytes) => GetHashCode(bytes.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
