using Akka.Actor;

namespace StragglerGuard.AkkaCluster.Ranks;

/// <summary>The ranks of this process while they run, each an actor with a thread of its own.</summary>
public sealed class RankCrew
{
    private readonly IActorRef _supervisor;
    private readonly RankEndings _endings;

    private RankCrew(IActorRef supervisor, RankEndings endings)
    {
        _supervisor = supervisor;
        _endings = endings;
    }

    /// <summary>How each rank ended, by slot; complete when the last has. Never fails: what a rank's work threw is in its end.</summary>
    public Task<IReadOnlyList<RankEnd>> Ended => _endings.All;

    /// <summary>How one rank ended.</summary>
    /// <param name="slot">Its index among the ranks.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such slot.</exception>
    public Task<RankEnd> EndOf(int slot) => _endings.Of(slot);

    /// <summary>Asks all ranks to end after the step they are in. One that waits for others in a collective ends when that does.</summary>
    public void Stop() => _supervisor.Tell(RankActor.StopRank.Instance, ActorRefs.NoSender);

    /// <summary>Ranks that have not ended.</summary>
    internal int Running => _endings.Running;

    internal static RankCrew Start(ActorSystem system, string name, IReadOnlyList<IRankWork> ranks)
    {
        foreach (IRankWork work in ranks)
        {
            ArgumentNullException.ThrowIfNull(work, nameof(ranks));
        }

        ArgumentOutOfRangeException.ThrowIfZero(ranks.Count, nameof(ranks));
        IRankWork[] all = [.. ranks];
        var endings = new RankEndings(all.Length);
        return new RankCrew(system.ActorOf(Props.Create(() => new RanksActor(all, endings)), name), endings);
    }
}

/// <summary>How each of several ranks ended, as it becomes known.</summary>
internal sealed class RankEndings
{
    private readonly TaskCompletionSource<RankEnd>[] _ends;

    public RankEndings(int ranks)
    {
        _ends = new TaskCompletionSource<RankEnd>[ranks];
        for (int slot = 0; slot < ranks; slot++)
        {
            _ends[slot] = new TaskCompletionSource<RankEnd>(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        All = AllAsync();
    }

    public Task<IReadOnlyList<RankEnd>> All { get; }

    /// <summary>Ranks that have not ended.</summary>
    public int Running => _ends.Count(end => !end.Task.IsCompleted);

    public Task<RankEnd> Of(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, _ends.Length);
        return _ends[slot].Task;
    }

    public void Note(RankEnd end) => _ends[end.Slot].TrySetResult(end);

    private async Task<IReadOnlyList<RankEnd>> AllAsync() =>
        await Task.WhenAll(_ends.Select(end => end.Task)).ConfigureAwait(false);
}
