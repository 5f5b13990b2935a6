using Akka.Actor;
using Akka.Serialization;

namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>
/// Stands where the engine would write and read any type there is: it refuses all. What makes objects of whatever type the other
/// side names is a way into the process.
/// </summary>
internal sealed class UnlistedTypeSerializer(ExtendedActorSystem system) : Serializer(system)
{
    /// <inheritdoc/>
    public override int Identifier => 7300;

    /// <inheritdoc/>
    public override bool IncludeManifest => false;

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) =>
        throw new System.Runtime.Serialization.SerializationException($"{obj.GetType()} is no message that leaves this process");

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, Type type) =>
        throw new System.Runtime.Serialization.SerializationException("a message of a type that is not listed");
}
