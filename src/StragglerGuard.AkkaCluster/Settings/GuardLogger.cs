using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Dispatch;
using Akka.Event;

namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>Takes what the engine has to say, in a sentence each; called on a thread of the system, one at a time.</summary>
internal sealed class GuardLogSetup(Action<string> onSaid) : Setup
{
    public Action<string> OnSaid { get; } = onSaid;
}

/// <summary>Hands the engine's warnings and errors to <see cref="GuardLogSetup"/>, each at most once a minute.</summary>
internal sealed class GuardLogger : UntypedActor, IRequiresMessageQueue<ILoggerMessageQueueSemantics>
{
    private const int RememberedMax = 256;

    private static readonly TimeSpan s_pause = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, (DateTime SaidAt, int Withheld)> _said = [];
    private Action<string>? _onSaid;

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case InitializeLogger:
                Akka.Util.Option<GuardLogSetup> setup = Context.System.Settings.Setup.Get<GuardLogSetup>();
                _onSaid = setup.HasValue ? setup.Value.OnSaid : null;
                Sender.Tell(new LoggerInitialized());
                break;
            case LogEvent said when _onSaid is not null:
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
            _onSaid!(last.Withheld > 0 ? $"{text} (and {last.Withheld} more times)" : text);
        }
        catch (Exception)
        {
            // Whoever listens may fail; a logger that is started anew for it would have nobody to tell any more.
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
