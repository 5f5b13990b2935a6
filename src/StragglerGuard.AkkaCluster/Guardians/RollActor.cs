using Akka.Actor;
using Akka.Cluster;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Collectives;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>Asks the other guardians where they stand, tells them where this one does, and joins, as <see cref="RollBook"/> says.</summary>
internal sealed class RollActor : ReceiveActor, IWithTimers
{
    /// <summary>What it is called below <c>/user</c>.</summary>
    public const string Name = "stragglerguard-roll";

    private static readonly TimeSpan CallEvery = TimeSpan.FromMilliseconds(300);

    /// <summary>A join that came to nothing is tried again, at whoever answers then.</summary>
    private const long JoinAgainNs = 3_000_000_000;

    private readonly Cluster _cluster = Cluster.Get(Context.System);
    private readonly Dictionary<string, Address> _others;
    private readonly RollBook _book;
    private readonly GuardianPost _post;
    private readonly HashSet<string> _disagreements = [];
    private readonly Action<string> _onYield;
    private long? _joinedNs;

    /// <summary>Begins to call.</summary>
    /// <param name="others">The other guardians of the fleet.</param>
    /// <param name="post">Counts what can't be read; told of guardians with other options.</param>
    /// <param name="onYield">Told once the own cluster is to be given up, and why: the owner ends this system and begins anew.</param>
    public RollActor(IReadOnlyList<Address> others, GuardianPost post, Action<string> onYield)
    {
        _others = others.ToDictionary(other => other.ToString());
        _post = post;
        _onYield = onYield;
        _book = new RollBook(_cluster.SelfAddress.ToString(), [.. _others.Keys]);
        Receive<Call>(_ => Ask());
        Receive<RollCall>(call =>
        {
            if (Standing(Sender.Path.Address, call.Caller) is { } answer)
            {
                Sender.Tell(answer);
            }
        });
        Receive<RollAnswer>(answer =>
        {
            _book.Note(Sender.Path.Address.ToString(), answer, MonotonicClock.NowNs());
            Compare(Sender.Path.Address, answer);
        });
        Receive<Unreadable>(post.Refuse);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartPeriodicTimer(nameof(Call), Call.Instance, TimeSpan.Zero, CallEvery);

    private void Ask()
    {
        long nowNs = MonotonicClock.NowNs();
        if (Standing(asker: null, 0) is not { } own)
        {
            return;
        }

        switch (_book.Decide(own, nowNs))
        {
            case RollDecision.Join join when _joinedNs is null || nowNs - _joinedNs > JoinAgainNs:
                _joinedNs = nowNs;
                _cluster.Join(_others[join.Member]);
                break;
            case RollDecision.Form:
                _joinedNs = nowNs;
                _cluster.Join(_cluster.SelfAddress);
                break;
            case RollDecision.Yield yielded:
                Timers.CancelAll();
                _onYield($"there was another cluster of guardians, that of {yielded.Member}: this one gives way to it");
                return;
        }

        // Those of the own cluster need not be asked, nor those that it hasn't yet put out: they must be gone before they come again.
        HashSet<Address> known = [.. _cluster.State.Members.Select(member => member.Address)];
        foreach (Address other in _others.Values.Where(other => !known.Contains(other)))
        {
            Context.ActorSelection(new RootActorPath(other) / "user" / Name).Tell(new RollCall(_cluster.SelfUniqueAddress.Uid));
        }
    }

    /// <summary>Where this guardian stands; null where it is just leaving, or has not arrived: nothing is to be made of it then.</summary>
    private RollAnswer? Standing(Address? asker, long askerUid)
    {
        ClusterEvent.CurrentClusterState state = _cluster.State;
        if (_cluster.IsTerminated)
        {
            return null;
        }

        if (state.Members.Count == 0)
        {
            return new RollAnswer(IsMember: false, CountsCaller: false, 0, "", _post.SharedOptions);
        }

        if (_cluster.SelfMember.Status != MemberStatus.Up)
        {
            return null;
        }

        List<Member> reached = [.. state.Members.Where(member =>
            member.HasRole(GuardNames.GuardianRole) && member.Status == MemberStatus.Up && !state.Unreachable.Contains(member))];
        return new RollAnswer(
            IsMember: true,
            CountsCaller: asker is not null && state.Members.Any(member => member.Address == asker && member.UniqueAddress.Uid == askerUid),
            reached.Count,
            reached.Select(member => member.Address.ToString()).Order(StringComparer.Ordinal).FirstOrDefault() ?? "",
            _post.SharedOptions);
    }

    /// <summary>Says once of each other guardian in which options it differs. It joins all the same: options change one guardian after the other.</summary>
    private void Compare(Address other, RollAnswer answer)
    {
        IReadOnlyList<string> differences = SharedOptions.Differences(_post.SharedOptions, answer.Options);
        string said = $"{other.Host}:{other.Port} differs from this guardian in {string.Join(", ", differences)}";
        if (differences.Count > 0 && _others.ContainsValue(other) && _disagreements.Add(said))
        {
            _post.TellComplaint(differences.Contains("ledger.location")
                ? $"{said}: what one of them decided is lost to the other, and both may decide at once where they can't see each other; all need one ledger"
                : $"{said}: whoever decides goes by its own");
        }
    }

    private sealed class Call
    {
        public static readonly Call Instance = new();
    }
}
