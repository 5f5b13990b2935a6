using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;

namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>
/// Stands where the engine would write and read any type there is: it refuses all. What makes objects of whatever type the other
/// side names is a way into the process.
/// </summary>
internal sealed class UnlistedTypeSerializer : Serializer
{
    public UnlistedTypeSerializer(ExtendedActorSystem system)
        : base(system)
    {
    }

    /// <summary>The one in whose place it stands has settings.</summary>
    public UnlistedTypeSerializer(ExtendedActorSystem system, Config settings)
        : base(system) => _ = settings;

    /// <inheritdoc/>
    public override int Identifier => 7300;

    /// <inheritdoc/>
    public override bool IncludeManifest => false;

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) =>
        throw new SerializationException($"{obj.GetType()} is no message that leaves this process");

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, Type type) =>
        throw new SerializationException("a message of a type that is not listed");
}
