using Akka.Actor;
using Google.Protobuf;
using StragglerGuard.AkkaCluster.Messages.Wire;

namespace StragglerGuard.AkkaCluster.Messages;

/// <summary>The formats of what guardians ask each other before they join.</summary>
internal static class RollFormats
{
    private const int LowestLengthMax = 512;
    private const int OptionsMax = 1_024;

    public static IReadOnlyList<FabricFormat> All { get; } =
    [
        new FabricFormat<RollCall>("roll-call", 1, call => new RollCallMessage { Caller = call.Caller }.ToByteArray(), ReadCall),
        new FabricFormat<RollAnswer>("roll-answer", 1, WriteAnswer, ReadAnswer),
    ];

    private static FabricReading<RollCall> ReadCall(byte[] bytes, ExtendedActorSystem system) =>
        new RollCall(RollCallMessage.Parser.ParseFrom(bytes).Caller);

    private static byte[] WriteAnswer(RollAnswer answer)
    {
        var message = new RollAnswerMessage
        {
            IsMember = answer.IsMember,
            CountsCaller = answer.CountsCaller,
            Guardians = answer.Guardians,
            Lowest = answer.Lowest,
        };
        foreach ((string key, string digest) in answer.Options)
        {
            message.Options[key] = digest;
        }

        return message.ToByteArray();
    }

    private static FabricReading<RollAnswer> ReadAnswer(byte[] bytes, ExtendedActorSystem system)
    {
        RollAnswerMessage read = RollAnswerMessage.Parser.ParseFrom(bytes);
        return read.Guardians < 0 ? $"guardians is {read.Guardians}; 0 or more are allowed"
            : read.Lowest.Length > LowestLengthMax ? $"lowest has {read.Lowest.Length} characters; up to {LowestLengthMax} are allowed"
            : read.Options.Count > OptionsMax ? $"options has {read.Options.Count} keys; up to {OptionsMax} are allowed"
            : new RollAnswer(read.IsMember, read.CountsCaller, read.Guardians, read.Lowest, read.Options);
    }
}
