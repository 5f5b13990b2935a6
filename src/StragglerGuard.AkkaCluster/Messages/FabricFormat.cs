using System.Diagnostics.CodeAnalysis;
using Akka.Actor;

namespace StragglerGuard.AkkaCluster.Messages;

/// <summary>How one kind of message is written and read.</summary>
/// <remarks>A newer version of a message is a format of its own, read by programs for one release before any of them writes it.</remarks>
internal abstract class FabricFormat
{
    private protected FabricFormat(string name, int version, Type type)
    {
        Manifest = $"{name}:{version}";
        Name = name;
        Version = version;
        Type = type;
    }

    /// <summary>The name under which it travels: <c>name:version</c>.</summary>
    public string Manifest { get; }

    /// <summary>The message's name, the same in all versions.</summary>
    public string Name { get; }

    /// <value>1 or more.</value>
    public int Version { get; }

    /// <summary>Of which messages.</summary>
    public Type Type { get; }

    public abstract byte[] Write(object message);

    /// <summary>Reads what some process sent: whatever the bytes are, an answer.</summary>
    public abstract bool TryRead(
        byte[] bytes, ExtendedActorSystem system, [NotNullWhen(true)] out IFabricMessage? message, out string reason);
}

/// <summary>A message, or why the bytes are none.</summary>
internal delegate FabricReading<TMessage> ReadFabricMessage<TMessage>(byte[] bytes, ExtendedActorSystem system)
    where TMessage : class, IFabricMessage;

/// <summary>What came of reading.</summary>
/// <param name="Message">The message; null where the bytes are none.</param>
/// <param name="Reason">Why not; empty where there is a message.</param>
internal readonly record struct FabricReading<TMessage>(TMessage? Message, string Reason)
    where TMessage : class, IFabricMessage
{
    public static implicit operator FabricReading<TMessage>(TMessage message) => new(message, "");

    public static implicit operator FabricReading<TMessage>(string reason) => new(null, reason);
}

/// <inheritdoc/>
internal sealed class FabricFormat<TMessage>(
    string name, int version, Func<TMessage, byte[]> write, ReadFabricMessage<TMessage> read) : FabricFormat(name, version, typeof(TMessage))
    where TMessage : class, IFabricMessage
{
    public override byte[] Write(object message) => write((TMessage)message);

    public override bool TryRead(
        byte[] bytes, ExtendedActorSystem system, [NotNullWhen(true)] out IFabricMessage? message, out string reason)
    {
        (message, reason) = read(bytes, system);
        return message is not null;
    }
}
