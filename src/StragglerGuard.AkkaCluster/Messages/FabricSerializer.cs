using System.Collections.Frozen;
using System.Globalization;
using Akka.Actor;
using Akka.Serialization;
using Google.Protobuf;

namespace StragglerGuard.AkkaCluster.Messages;

/// <summary>
/// Messages to bytes and back. What can't be read becomes an <see cref="Unreadable"/> for the receiver to count: bytes of another
/// process never raise an exception here.
/// </summary>
internal sealed class FabricSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    /// <summary>Names this serializer on the wire, for ever.</summary>
    public const int FabricIdentifier = 7301;

    private const int ShownLengthMax = 64;

    private static readonly FrozenDictionary<string, FabricFormat> s_byManifest =
        FabricFormats.All.ToFrozenDictionary(format => format.Manifest);

    private static readonly FrozenDictionary<Type, FabricFormat> s_byType = FabricFormats.All
        .GroupBy(format => format.Type)
        .ToFrozenDictionary(formats => formats.Key, formats => formats.MaxBy(format => format.Version)!);

    /// <inheritdoc/>
    public override int Identifier => FabricIdentifier;

    /// <summary>Has a system use this serializer for all messages of the fabric, and for nothing else.</summary>
    public static SerializerDetails DetailsFor(ExtendedActorSystem system) =>
        SerializerDetails.Create("stragglerguard", new FabricSerializer(system), [typeof(IFabricMessage)]);

    /// <inheritdoc/>
    public override string Manifest(object o) => FormatOf(o).Manifest;

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) => FormatOf(obj).Write(obj);

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, string manifest)
    {
        if (!s_byManifest.TryGetValue(manifest, out FabricFormat? format))
        {
            return Unknown(manifest);
        }

        try
        {
            return format.TryRead(bytes, system, out IFabricMessage? message, out string reason)
                ? message
                : new Unreadable(manifest, reason);
        }
        catch (InvalidProtocolBufferException broken)
        {
            return new Unreadable(manifest, broken.Message);
        }
        catch (Exception unforeseen) when (unforeseen is not OutOfMemoryException)
        {
            // The bytes are some other process's: whatever they do to a parser, they are only unreadable.
            return new Unreadable(manifest, $"{unforeseen.GetType().Name}: {unforeseen.Message}");
        }
    }

    private static FabricFormat FormatOf(object message) =>
        s_byType.TryGetValue(message.GetType(), out FabricFormat? format)
            ? format
            : throw new ArgumentException($"{message.GetType()} is no message of the fabric", nameof(message));

    private static Unreadable Unknown(string manifest)
    {
        string shown = Shown(manifest);
        int colon = manifest.LastIndexOf(':');
        if (colon > 0 && int.TryParse(manifest.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int version))
        {
            string name = manifest[..colon];
            int newest = FabricFormats.All.Where(format => format.Name == name).Select(format => format.Version).DefaultIfEmpty(0).Max();
            if (newest > 0 && version > newest)
            {
                return new Unreadable(shown, $"version {version} of {name}; this build reads up to {newest}") { Kind = UnreadableKind.Newer };
            }
        }

        return new Unreadable(shown, "no message has that name") { Kind = UnreadableKind.Unknown };
    }

    private static string Shown(string manifest)
    {
        string start = manifest.Length > ShownLengthMax ? $"{manifest.AsSpan(0, ShownLengthMax)}…" : manifest;
        return string.Create(start.Length, start, static (shown, text) =>
        {
            for (int i = 0; i < shown.Length; i++)
            {
                shown[i] = char.IsControl(text[i]) ? '?' : text[i];
            }
        });
    }
}
