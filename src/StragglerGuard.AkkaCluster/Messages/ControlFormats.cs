using Akka.Actor;
using Google.Protobuf;
using StragglerGuard.AkkaCluster.Messages.Wire;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Ledger;

namespace StragglerGuard.AkkaCluster.Messages;

/// <summary>The formats of questions to whoever decides, and of the answers.</summary>
internal static class ControlFormats
{
    /// <summary>As long as a job's name, or a reason, may be.</summary>
    private const int TextLengthMax = 4_096;

    public static IReadOnlyList<FabricFormat> All { get; } =
    [
        Question<StatusQuestion>("status-question", (read, replyTo) => new StatusQuestion(read.Id, replyTo, JobOf(read))),
        Question<EndQuestion>("end-question", (read, replyTo) => new EndQuestion(read.Id, replyTo, JobOf(read))),
        Question<ModeOrder>("mode-order", (read, replyTo) => new ModeOrder(
            read.Id, replyTo, JobOf(read), JobStatusFormat.Known<PolicyMode>(read.Mode, "mode"), NotNegative(read.FromStep, "from_step"),
            read.Reason.Length <= TextLengthMax ? read.Reason : throw new FormatException("reason: too long"),
            TimeOf(read.AtTicks), read.Proof)),
        Question<DecisionsQuestion>("decisions-question", (read, replyTo) => new DecisionsQuestion(
            read.Id, replyTo, read.HasAfter ? NotNegative(read.After, "after") : null)),
        Answer<StatusTold>("status-told", read => new StatusTold(
            read.Id, read.Guardian, read.Status is { } status ? JobStatusFormat.Read(status) : null)),
        Answer<ModeSet>("mode-set", read => new ModeSet(read.Id, read.Guardian)),
        Answer<EndTold>("end-told", read => new EndTold(read.Id, read.Guardian, read.HasEnded)),
        Answer<DecisionsTold>("decisions-told", read => new DecisionsTold(read.Id, read.Guardian, read.Through, [.. read.Entries.Select(Read)])),
        Answer<ControlRefused>("control-refused", read => new ControlRefused(read.Id, read.Guardian, read.IsFinal, read.Reason)),
    ];

    /// <summary>How many bytes an answer takes.</summary>
    public static int BytesOf(ControlAnswer answer) => Write(answer).CalculateSize();

    /// <summary>How many bytes an entry takes in an answer, about.</summary>
    public static int BytesOf(LedgerEntry entry) => Write(entry).CalculateSize();

    private static FabricFormat<TQuestion> Question<TQuestion>(string name, Func<ControlQuestionMessage, IActorRef, TQuestion> read)
        where TQuestion : ControlQuestion =>
        new(name, 1, question => Write(question).ToByteArray(), (bytes, system) =>
        {
            ControlQuestionMessage message = ControlQuestionMessage.Parser.ParseFrom(bytes);
            return FabricFormats.ActorAt(message.ReplyTo, system) is not { } replyTo
                ? FabricFormats.NoActor("reply_to")
                : Try(() => read(message, replyTo));
        });

    private static FabricFormat<TAnswer> Answer<TAnswer>(string name, Func<ControlAnswerMessage, TAnswer> read)
        where TAnswer : ControlAnswer =>
        new(name, 1, answer => Write(answer).ToByteArray(), (bytes, _) => Try(() => read(ControlAnswerMessage.Parser.ParseFrom(bytes))));

    private static FabricReading<TMessage> Try<TMessage>(Func<TMessage> read)
        where TMessage : class, IFabricMessage
    {
        try
        {
            return read();
        }
        catch (Exception fault) when (fault is FormatException or ArgumentException)
        {
            return fault.Message;
        }
    }

    private static ControlQuestionMessage Write(ControlQuestion question)
    {
        var message = new ControlQuestionMessage { Id = question.Id, ReplyTo = FabricFormats.PathOf(question.ReplyTo) };
        switch (question)
        {
            case StatusQuestion status:
                message.Job = status.Job.Value;
                break;
            case EndQuestion end:
                message.Job = end.Job.Value;
                break;
            case ModeOrder order:
                message.Job = order.Job.Value;
                message.Mode = (int)order.Mode;
                message.FromStep = order.FromStep;
                message.Reason = order.Reason;
                message.AtTicks = order.At.UtcTicks;
                message.Proof = order.Proof;
                break;
            case DecisionsQuestion { After: { } after }:
                message.After = after;
                break;
        }

        return message;
    }

    private static ControlAnswerMessage Write(ControlAnswer answer)
    {
        var message = new ControlAnswerMessage { Id = answer.Id, Guardian = answer.Guardian };
        switch (answer)
        {
            case StatusTold { Status: { } status }:
                message.Status = JobStatusFormat.Write(status);
                break;
            case EndTold end:
                message.HasEnded = end.HasEnded;
                break;
            case DecisionsTold decisions:
                message.Through = decisions.Through;
                message.Entries.AddRange(decisions.Entries.Select(Write));
                break;
            case ControlRefused refused:
                message.IsFinal = refused.IsFinal;
                message.Reason = refused.Reason;
                break;
        }

        return message;
    }

    private static LedgerEntryMessage Write(LedgerEntry entry)
    {
        DecisionText text = DecisionFormat.Write(entry.Decision);
        return new LedgerEntryMessage
        {
            Sequence = entry.Sequence,
            AtTicks = entry.At.UtcTicks,
            Job = entry.Decision.Job.Value,
            Generation = entry.Decision.Generation.Value,
            Step = entry.Decision.Step,
            Kind = text.Kind,
            Version = text.Version,
            Payload = text.Payload,
        };
    }

    private static LedgerEntry Read(LedgerEntryMessage entry) => new(
        entry.Sequence, new DateTimeOffset(entry.AtTicks, TimeSpan.Zero),
        DecisionFormat.Read(
            new JobId(entry.Job), new Generation(entry.Generation), entry.Step, new DecisionText(entry.Kind, entry.Version, entry.Payload)));

    private static JobId JobOf(ControlQuestionMessage message) =>
        message.Job.Length is > 0 and <= TextLengthMax && !message.Job.Contains('\0', StringComparison.Ordinal)
            ? new JobId(message.Job)
            : throw new FormatException("job: the name is empty, too long, or holds U+0000");

    private static DateTimeOffset TimeOf(long ticks) =>
        ticks >= 0 && ticks <= DateTimeOffset.MaxValue.UtcTicks
            ? new DateTimeOffset(ticks, TimeSpan.Zero) : throw new FormatException(FormattableString.Invariant($"at_ticks: {ticks} is no time"));

    private static long NotNegative(long number, string field) =>
        number >= 0 ? number : throw new FormatException(FormattableString.Invariant($"{field}: {number} is below 0"));
}
