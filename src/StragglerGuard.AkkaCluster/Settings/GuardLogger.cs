using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Dispatch;
using Akka.Event;

namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>Takes what the engine has to say, in a sentence each; called on a thread of the system, one at a time.</summary>
/// <param name="onSaid">Takes the sentences, each at most once a minute.</param>
/// <param name="onRefused">Takes every refusal that the engine tells of: its kind in a word, and the sentence.</param>
internal sealed class GuardLogSetup(Action<string> onSaid, Action<string, string> onRefused) : Setup
{
    public Action<string> OnSaid { get; } = onSaid;

    public Action<string, string> OnRefused { get; } = onRefused;
}

/// <summary>Hands the engine's warnings and errors to <see cref="GuardLogSetup"/>, each at most once a minute.</summary>
internal sealed class GuardLogger : UntypedActor, IRequiresMessageQueue<ILoggerMessageQueueSemantics>
{
    private const int RememberedMax = 256;

    private static readonly TimeSpan s_pause = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, (DateTime SaidAt, int Withheld)> _said = [];
    private GuardLogSetup? _setup;

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case InitializeLogger:
                Akka.Util.Option<GuardLogSetup> setup = Context.System.Settings.Setup.Get<GuardLogSetup>();
                _setup = setup.HasValue ? setup.Value : null;
                Sender.Tell(new LoggerInitialized());
                break;
            case LogEvent said when _setup is not null:
                Say(said);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Say(LogEvent said)
    {
        string who = said.LogClass == typeof(DummyClassForStringSources) ? said.LogSource : said.LogClass.Name;
        string text = $"{who}: {said.Message}";
        if (said.Cause is { } cause)
        {
            text += $" ({cause.GetType().Name}: {cause.Message})";
        }

        if (RefusalIn(text, said.Cause) is { } kind)
        {
            _setup!.OnRefused(kind, text);
        }

        if (_said.TryGetValue(text, out (DateTime SaidAt, int Withheld) last) && said.Timestamp - last.SaidAt < s_pause)
        {
            _said[text] = (last.SaidAt, last.Withheld + 1);
            return;
        }

        if (_said.Count >= RememberedMax)
        {
            _said.Clear();
        }

        _said[text] = (said.Timestamp, 0);
        try
        {
            _setup!.OnSaid(last.Withheld > 0 ? $"{text} (and {last.Withheld} more times)" : text);
        }
        catch (Exception)
        {
            // Whoever listens may fail; a logger that is started anew for it would have nobody to tell any more.
        }
    }

    /// <summary>
    /// What was refused before it became a message of anybody's: the engine tells it to the log, and nobody else.
    /// </summary>
    /// <returns>Null: nothing was.</returns>
    private static string? RefusalIn(string text, Exception? cause) =>
        Causes(cause).Any(one => one.GetType().Name is "OversizedPayloadException" or "TooLongFrameException") ? "oversized"
        : text.Contains("TLS handshake failed", StringComparison.Ordinal) || Causes(cause).Any(one => one.GetType().Name is "NotSslRecordException") ? "handshake"
        : text.Contains("serializer id", StringComparison.Ordinal) ? "foreign"
        : null;

    private static IEnumerable<Exception> Causes(Exception? cause)
    {
        for (; cause is not null; cause = cause.InnerException)
        {
            yield return cause;
        }
    }
}

/// <summary>Stands where the engine would write to the console before its loggers start and after they have ended.</summary>
internal sealed class SilentLogger : MinimalLogger
{
    /// <inheritdoc/>
    protected override void Log(object message)
    {
    }
}
