using Akka.Actor;

namespace StragglerGuard.AkkaCluster.Ranks;

/// <summary>Drives one rank: a step for every message, and a message for every step, so that between two steps it can be stopped.</summary>
internal sealed class RankActor(int slot, IRankWork work, RankEndings endings) : UntypedActor
{
    private long _steps;
    private bool _isOver;
    private Exception? _cause;

    /// <inheritdoc/>
    protected override void PreStart() => Self.Tell(Step.Instance);

    /// <summary>However it came about: nobody waits for a rank that has ended.</summary>
    protected override void PostStop() =>
        endings.Note(new RankEnd(slot, _cause, _steps) { WasStopped = _cause is null && !_isOver });

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Step:
                Advance();
                break;
            case StopRank:
                Context.Stop(Self);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Advance()
    {
        try
        {
            _isOver = !work.Advance();
        }
        catch (Exception cause)
        {
            // What becomes of this actor is its supervisor's to say.
            _cause = cause;
            throw;
        }

        _steps++;
        if (_isOver)
        {
            Context.Stop(Self);
        }
        else
        {
            Self.Tell(Step.Instance);
        }
    }

    /// <summary>The next step is to be taken.</summary>
    private sealed class Step
    {
        public static readonly Step Instance = new();
    }

    /// <summary>No further step is to be taken.</summary>
    internal sealed class StopRank
    {
        public static readonly StopRank Instance = new();
    }
}
