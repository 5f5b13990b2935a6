using Akka.Actor;
using Google.Protobuf;
using StragglerGuard.AkkaCluster.Messages.Wire;
using StragglerGuard.Core;
using StragglerGuard.Fabric;
using StragglerGuard.Fabric.Wire;
using FabricWire = StragglerGuard.Fabric.Wire.WireFormat;

namespace StragglerGuard.AkkaCluster.Messages;

/// <summary>The formats of all messages.</summary>
internal static class FabricFormats
{
    /// <summary>As long as the names of nodes and guardians may be.</summary>
    private const int NameLengthMax = 512;

    private const int PathLengthMax = 2_048;

    /// <summary>What nodes said of themselves is the same whichever system of this process hears it.</summary>
    private static readonly ReportDecoder s_reports = new();

    public static IReadOnlyList<FabricFormat> All { get; } =
    [
        new FabricFormat<AgentHello>("hello", 1, WriteHello, ReadHello),
        new FabricFormat<GuardianWelcome>("welcome", 1, WriteWelcome, ReadWelcome),
        new FabricFormat<AgentReport>("report", 1, WriteReport, ReadReport),
        new FabricFormat<ReportReceipt>("receipt", 1, WriteReceipt, ReadReceipt),
        new FabricFormat<PlanOffered>("offer", 1, offered => offered.Bytes, ReadOffer),
        new FabricFormat<AgentGoodbye>("goodbye", 1, WriteGoodbye, ReadGoodbye),
        new FabricFormat<GuardianFarewell>("farewell", 1, WriteFarewell, ReadFarewell),
        .. RollFormats.All,
        .. ControlFormats.All,
    ];

    private static byte[] WriteHello(AgentHello hello) =>
        new HelloMessage { Node = hello.Node.Value, ReplyTo = PathOf(hello.ReplyTo) }.ToByteArray();

    private static FabricReading<AgentHello> ReadHello(byte[] bytes, ExtendedActorSystem system)
    {
        HelloMessage read = HelloMessage.Parser.ParseFrom(bytes);
        return !IsName(read.Node) ? NoName("node", read.Node)
            : ActorAt(read.ReplyTo, system) is { } replyTo ? new AgentHello(new NodeId(read.Node), replyTo)
            : NoActor("reply_to");
    }

    private static byte[] WriteWelcome(GuardianWelcome welcome) =>
        new WelcomeMessage { Guardian = welcome.Guardian, Intake = PathOf(welcome.Intake) }.ToByteArray();

    private static FabricReading<GuardianWelcome> ReadWelcome(byte[] bytes, ExtendedActorSystem system)
    {
        WelcomeMessage read = WelcomeMessage.Parser.ParseFrom(bytes);
        return !IsName(read.Guardian) ? NoName("guardian", read.Guardian)
            : ActorAt(read.Intake, system) is { } intake ? new GuardianWelcome(read.Guardian, intake)
            : NoActor("intake");
    }

    private static byte[] WriteReport(AgentReport report) => new ReportMessage
    {
        WantsReceipt = report.WantsReceipt,
        Agent = report.Agent,
        Distance = report.Distance,
        Envelope = UnsafeByteOperations.UnsafeWrap(FabricWire.Encode(report.Report)),
    }.ToByteArray();

    private static FabricReading<AgentReport> ReadReport(byte[] bytes, ExtendedActorSystem system)
    {
        if (!TryOpenUsual(bytes, out bool wantsReceipt, out long agent, out long distance, out ReadOnlySpan<byte> envelope))
        {
            ReportMessage read = ReportMessage.Parser.ParseFrom(bytes);
            (wantsReceipt, agent, distance) = (read.WantsReceipt, read.Agent, read.Distance);
            envelope = read.Envelope.Span;
        }

        if (agent < 0 || distance < 0)
        {
            return $"agent {agent} or distance {distance} is negative";
        }

        return s_reports.TryDecode(envelope, out NodeReport? report, out string reason)
            ? new AgentReport(report, wantsReceipt) { Agent = agent, Distance = distance }
            : reason;
    }

    /// <summary>Finds the envelope where it lies in a message as this program writes it: thousands come in a second, and need no copy.</summary>
    private static bool TryOpenUsual(
        ReadOnlySpan<byte> bytes, out bool wantsReceipt, out long agent, out long distance, out ReadOnlySpan<byte> envelope)
    {
        const byte WantsReceiptTag = ReportMessage.WantsReceiptFieldNumber << 3;
        const byte AgentTag = ReportMessage.AgentFieldNumber << 3;
        const byte DistanceTag = ReportMessage.DistanceFieldNumber << 3;
        const byte EnvelopeTag = (ReportMessage.EnvelopeFieldNumber << 3) | 2;
        var reader = new WireReader(bytes);
        bool isRead = reader.TryReadOptional(WantsReceiptTag, out long wants);
        wantsReceipt = wants != 0;
        agent = distance = 0;
        envelope = default;
        return isRead && reader.TryReadOptional(AgentTag, out agent) && reader.TryReadOptional(DistanceTag, out distance)
            && reader.TryReadTag(EnvelopeTag) && reader.TryReadBytes(out envelope) && reader.IsAtEnd;
    }

    private static byte[] WriteReceipt(ReportReceipt receipt) =>
        new ReceiptMessage { Sequence = receipt.Sequence, LacksOlder = receipt.LacksOlder }.ToByteArray();

    private static FabricReading<ReportReceipt> ReadReceipt(byte[] bytes, ExtendedActorSystem system)
    {
        ReceiptMessage read = ReceiptMessage.Parser.ParseFrom(bytes);
        return new ReportReceipt(read.Sequence, read.LacksOlder);
    }

    private static FabricReading<PlanOffered> ReadOffer(byte[] bytes, ExtendedActorSystem system) =>
        FabricWire.TryDecodeOffer(bytes, out OfferedPlan? offer, out string reason) ? new PlanOffered(offer) : reason;

    private static byte[] WriteGoodbye(AgentGoodbye goodbye) =>
        new GoodbyeMessage { Node = goodbye.Node.Value, ReplyTo = PathOf(goodbye.ReplyTo) }.ToByteArray();

    private static FabricReading<AgentGoodbye> ReadGoodbye(byte[] bytes, ExtendedActorSystem system)
    {
        GoodbyeMessage read = GoodbyeMessage.Parser.ParseFrom(bytes);
        return !IsName(read.Node) ? NoName("node", read.Node)
            : ActorAt(read.ReplyTo, system) is { } replyTo ? new AgentGoodbye(new NodeId(read.Node), replyTo)
            : NoActor("reply_to");
    }

    private static byte[] WriteFarewell(GuardianFarewell farewell) => new FarewellMessage { Guardian = farewell.Guardian }.ToByteArray();

    private static FabricReading<GuardianFarewell> ReadFarewell(byte[] bytes, ExtendedActorSystem system)
    {
        FarewellMessage read = FarewellMessage.Parser.ParseFrom(bytes);
        return IsName(read.Guardian) ? new GuardianFarewell(read.Guardian) : NoName("guardian", read.Guardian);
    }

    private static bool IsName(string text) => text.Length is > 0 and <= NameLengthMax;

    private static string NoName(string field, string text) =>
        $"{field} has {text.Length} characters; 1 to {NameLengthMax} are allowed";

    /// <summary>Why there is no actor.</summary>
    public static string NoActor(string field) => $"{field} is no address of an actor";

    /// <summary>An actor as other processes find it.</summary>
    public static string PathOf(IActorRef actor) => Akka.Serialization.Serialization.SerializedActorPath(actor);

    /// <summary>An actor that some process named; null where that is none.</summary>
    public static IActorRef? ActorAt(string path, ExtendedActorSystem system) =>
        path.Length is > 0 and <= PathLengthMax && ActorPath.TryParse(path, out _) && system.Provider.ResolveActorRef(path) is { } actor
            && !actor.IsNobody() && !actor.Equals(system.DeadLetters)
            ? actor : null;
}
