using System.Globalization;
using System.Net;
using Akka.Actor;
using Akka.Cluster;
using StragglerGuard.Actuators.InJob;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Collectives;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;
using StragglerGuard.Telemetry;
using ClusterSettings = StragglerGuard.AkkaCluster.Settings.ClusterSettings;

namespace StragglerGuard.AkkaCluster.Guardians;

/// <summary>
/// One of several guardians that stand in for each other: a member of their cluster, with an actor system of its own. The oldest member
/// decides; when it is gone the next one takes over with the same ledger.
/// </summary>
/// <remarks>
/// A member that the others went on without, because nothing was heard of it, ends its part and joins them again by itself. Its ledger must
/// be one that all guardians reach. It takes no signal of the process: whoever owns the process disposes of this on SIGTERM, which hands
/// over in order.
/// </remarks>
public sealed class GuardianNode : IAsyncDisposable
{
    /// <summary>How long leaving may take altogether: the phases that it consists of have limits of their own.</summary>
    private static readonly TimeSpan LeaveMax = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan JoinAgainMin = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan JoinAgainMax = TimeSpan.FromSeconds(5);

    private readonly StragglerGuardOptions _options;
    private ClusterSettings _settings;
    private readonly GuardianPost _post;
    private readonly TextExposition _exposition;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _gate = new();
    private readonly Task _running;
    private ActorSystem _system;
    private bool _isUp;
    private string? _whyEnded;
    private GuardianStanding _standing;
    private long _standingSinceNs = MonotonicClock.NowNs();
    private int _disposed;
    private Task? _ending;
    private volatile string _left = "";

    private GuardianNode(StragglerGuardOptions options, ClusterSettings settings, GuardianPost post, ActorSystem system)
    {
        _settings = settings;
        _options = options;
        _post = post;
        _exposition = new TextExposition(post.Instruments.Meter, options.Metrics.MaxSeries);
        _system = system;
        post.PhaseChanged += ShowStanding;
        post.Decided += entry => Tell(() => Decided?.Invoke(entry));
        post.Complained += Complain;
        post.EndedUnasked += LeaveMaimed;
        post.Warned += what => Tell(() => EngineWarned?.Invoke(what));
        Begin(system);
        _running = Task.Run(RunAsync);
    }

    /// <summary>Told of every decision of a guardian that decides in this process, after it stands in the ledger; must be quick.</summary>
    public event Action<LedgerEntry>? Decided;

    /// <summary>
    /// Told, in words, of what keeps this process from deciding or carrying out where it should: a ledger that is claimed by another or can't be
    /// reached, the others that went on without it, a scheduler that does not do as it is asked. Must be quick.
    /// </summary>
    public event Action<string>? Complained;

    /// <summary>Told when <see cref="Standing"/> has changed; must be quick. Two changes in quick succession may be told as one.</summary>
    public event Action<GuardianStanding>? StandingChanged;

    /// <summary>Told what the actor system warns of, for a log; must be quick.</summary>
    public event Action<string>? EngineWarned;

    /// <summary>Where this process stands among the guardians.</summary>
    public GuardianStanding Standing
    {
        get
        {
            lock (_gate)
            {
                return StandingNow();
            }
        }
    }

    /// <summary>Whether it is this process that decides.</summary>
    public bool IsDeciding => Standing == GuardianStanding.Deciding;

    /// <summary>Why it can't decide although it should, in words: the ledger can't be had, or not be written. Null where nothing speaks against it.</summary>
    public string? Trouble => _post.Trouble ?? _post.Stay?.Service.LedgerTrouble.Reason;

    /// <summary>For how long <see cref="Standing"/> has been what it is.</summary>
    internal TimeSpan InStanding => TimeSpan.FromTicks((MonotonicClock.NowNs() - Interlocked.Read(ref _standingSinceNs)) / 100);

    /// <summary>The guardians as this process sees them, oldest first; empty while it has joined none.</summary>
    public IReadOnlyList<GuardianMember> Members => GuardianMember.Of(Cluster.Get(System));

    /// <summary>Agents that the guardian in this process knows; 0 while it is elsewhere.</summary>
    public int Agents => _post.Agents;

    /// <summary>What is measured here, for another exporter than <see cref="MetricsPage"/>. It lives as long as this, whoever decides.</summary>
    public GuardInstruments Instruments => _post.Instruments;

    /// <summary>The metrics page of this process: the jobs while it decides, and in any case whether it does.</summary>
    public IMetricsPage MetricsPage => _exposition;

    /// <summary>When its certificate expires, UTC; null where it has none. After that nobody connects to it any more, nor it to anybody.</summary>
    public DateTimeOffset? CertificateExpires => _settings.Trust is { } trust ? trust.Certificate.NotAfter.ToUniversalTime() : null;

    /// <summary>What belongs to the process, for those who answer questions about the guardian.</summary>
    internal GuardianPost Post => _post;

    /// <summary>The actor system of now; another one after it was put out of the cluster.</summary>
    internal ActorSystem System
    {
        get
        {
            lock (_gate)
            {
                return _system;
            }
        }
    }

    /// <summary>Starts a guardian: it listens when this returns, and joins the others by itself, however long that takes.</summary>
    /// <param name="options">The options; <see cref="StragglerGuardOptions.Cluster"/> names this process and all guardians.</param>
    /// <param name="membership">What the training runner offers for <see cref="Actuators.ActuatorChoice.InJob"/>; null where that is not used.</param>
    /// <exception cref="ArgumentException">An option is out of its range, missing or contradicts another; the message names every such option.</exception>
    /// <exception cref="EndpointUnavailableException">The port is taken or the address is not this machine's.</exception>
    public static Task<GuardianNode> StartAsync(StragglerGuardOptions options, IJobMembership? membership = null)
    {
        GuardParts.Check(options, membership);
        List<string> problems = [.. ClusterSettings.Read(options, ClusterRole.Guardian, TimeProvider.System.GetUtcNow()).Problems];
        if (LedgerProblem(options) is { } problem)
        {
            problems.Add(problem);
        }

        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, problems), nameof(options));
        }

        if (options.Ledger.Location.Length > 0)
        {
            _ = Task.Run(() => GuardParts.ReadAhead(options));
        }

        return StartAsync(options, () => GuardParts.Open(options, membership));
    }

    /// <summary>Why several guardians could not do with the options' ledger; null where they can, or there is one guardian.</summary>
    internal static string? LedgerProblem(StragglerGuardOptions options) =>
        options.Ledger.Location.Length > 0 || options.Cluster.GuardianEndpoints.Count < 2 ? null
        : "ledger.location: empty; several guardians need one ledger that all of them reach, or what one decided is lost to the next";

    /// <summary>As the other, with what claims the ledger.</summary>
    internal static async Task<GuardianNode> StartAsync(StragglerGuardOptions options, Func<GuardParts> openParts)
    {
        ClusterSettings settings = ClusterSettings.ReadOrThrow(options, ClusterRole.Guardian);
        var post = new GuardianPost(new GuardInstruments(), openParts)
        {
            ControlToken = settings.ControlToken,
            SharedOptions = SharedOptions.Digests(options),
        };
        ActorSystem system = await Task.Run(() => GuardActorSystem.Create(settings, post.TellWarning, post.Refuse)).ConfigureAwait(false);
        try
        {
            return new GuardianNode(options, settings, post, system);
        }
        catch
        {
            await system.Terminate().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Serves the metrics page where the options say.</summary>
    /// <returns>The endpoint, to be disposed before this; null where the options name no port.</returns>
    /// <exception cref="EndpointUnavailableException">The port is taken or the address is not this machine's.</exception>
    public async Task<MetricsEndpoint?> ServeMetricsAsync() => _options.Metrics is { Port: > 0 and var port, Address: var address }
        ? await MetricsEndpoint.StartAsync(_exposition, IPAddress.Parse(address), port).ConfigureAwait(false)
        : null;

    /// <summary>How long <see cref="DisposeAsync"/> takes at most.</summary>
    /// <value>15 s.</value>
    public static TimeSpan EndLimit { get; } = TimeSpan.FromSeconds(15);

    /// <summary>As <see cref="EndLimit"/>, of this one.</summary>
    internal TimeSpan EndMax { get; set; } = EndLimit;

    /// <summary>Leaves in order: hands over if it decides, gives the ledger back, tells the others; within <see cref="EndLimit"/>.</summary>
    /// <remarks>
    /// What takes longer, such as a database that does not answer, is left behind, and <see cref="Complained"/> is told what it is: nothing of it
    /// keeps the process from ending. It ends by itself once it can; only then is <see cref="Standing"/> <see cref="GuardianStanding.Left"/>.
    /// </remarks>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            return new ValueTask(_ending ??= Task.Run(EndWithinLimitAsync));
        }
    }

    private async Task EndWithinLimitAsync()
    {
        Task ended = EndAsync();
        try
        {
            await ended.WaitAsync(EndMax).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Complain(string.Create(CultureInfo.InvariantCulture, $"it ended after {EndMax.TotalSeconds:0.#} s without waiting further: {_left}"));
        }
    }

    private async Task EndAsync()
    {
        Interlocked.Exchange(ref _disposed, 1);
        await _closing.CancelAsync().ConfigureAwait(false);
        ActorSystem system = System;
        _left = "it has not left the other guardians in order, who find out by themselves";
        try
        {
            await CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.ClrExitReason.Instance).WaitAsync(LeaveMax).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The others find out by themselves.
        }

        // The shutdown gives up on actors that don't end; they are waited for all the same.
        _left = "its actor system has not ended";
        await system.Terminate().ConfigureAwait(false);
        await system.WhenTerminated.ConfigureAwait(false);
        _left = "its ledger is not given back, and may stay claimed for as long as this process runs";
        await _post.ReleasedAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        ShowStanding();
        _exposition.Dispose();
        _post.Instruments.Dispose();
        _closing.Dispose();
    }

    private async Task RunAsync()
    {
        TimeSpan pause = JoinAgainMin;
        while (true)
        {
            await System.WhenTerminated.ConfigureAwait(false);
            string why;
            lock (_gate)
            {
                why = _whyEnded ?? "the other guardians went on without this one, of which they heard nothing: it joins them again";
                pause = _isUp ? JoinAgainMin : pause;
                (_isUp, _whyEnded) = (false, null);
            }

            ShowStanding();

            // What the part of before still holds the next one would run into.
            await _post.ReleasedAsync().ConfigureAwait(false);
            if (!_closing.IsCancellationRequested)
            {
                Complain(why);
            }

            while (!await TryBeginAgainAsync(pause).ConfigureAwait(false))
            {
                if (_closing.IsCancellationRequested)
                {
                    return;
                }

                pause = pause * 2 < JoinAgainMax ? pause * 2 : JoinAgainMax;
            }
        }
    }

    /// <summary>Makes the next actor system.</summary>
    /// <returns>Whether it did; false where this closes, or the port is still taken by what is left of the one before.</returns>
    private async Task<bool> TryBeginAgainAsync(TimeSpan pause)
    {
        ActorSystem? system = null;
        try
        {
            await Task.Delay(pause, _closing.Token).ConfigureAwait(false);
            ReadSettingsAgain();
            system = GuardActorSystem.Create(_settings, _post.TellWarning, _post.Refuse);
            lock (_gate)
            {
                // Who disposes of this ends the system that stands here.
                _closing.Token.ThrowIfCancellationRequested();
                _system = system;
            }

            Begin(system);
            return true;
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // Ends below.
        }
        catch (Exception fault)
        {
            Complain($"it can't join the other guardians again yet: {fault.GetBaseException().Message}");
        }

        if (system is not null)
        {
            await system.Terminate().ConfigureAwait(false);
        }

        return false;
    }

    /// <summary>A certificate may have been renewed since this process started. Files that don't hold now leave what held before.</summary>
    private void ReadSettingsAgain()
    {
        ClusterSettingsOutcome now = ClusterSettings.Read(_options, ClusterRole.Guardian, TimeProvider.System.GetUtcNow());
        _settings = now.Settings ?? _settings;
        foreach (string problem in now.Problems)
        {
            Complain(problem);
        }
    }

    private void Begin(ActorSystem system)
    {
        foreach (IActorRef part in GuardianSingleton.Start(system, _post))
        {
            part.WatchAsync().ContinueWith(_ => LeaveMaimed(system), TaskScheduler.Default);
        }

        var cluster = Cluster.Get(system);
        cluster.RegisterOnMemberUp(() =>
        {
            lock (_gate)
            {
                _isUp = _system == system;
            }

            ShowStanding();
        });
        List<Address> others = [.. _settings.Section.GuardianEndpoints
            .Where(guardian => guardian.Port != _settings.Section.Port || !EndpointProblems.IsSame(guardian.Host, _settings.Section.Host))
            .Select(guardian => cluster.SelfAddress.WithHost(EndpointProblems.Shown(guardian.Host)).WithPort(guardian.Port))];
        system.ActorOf(
            Props.Create(() => new RollActor(others, _post, why => Yield(system, why))).WithDispatcher("akka.actor.internal-dispatcher"), RollActor.Name);
    }

    /// <summary>
    /// A part of the guardian ended although nobody here ended it: whoever may speak to this process may send an actor its end. Nobody else decides
    /// while this is a member, so it leaves, whole, and joins again.
    /// </summary>
    private void LeaveMaimed(ActorSystem system)
    {
        // Who leaves, or was put out, ends its parts, too.
        if (Cluster.Get(system).SelfMember.Status == MemberStatus.Up && CoordinatedShutdown.Get(system).ShutdownReason is null)
        {
            Yield(system, "a part of the guardian was ended from outside: this one leaves the others, and joins them again");
        }
    }

    /// <summary>Leaves one cluster for another: what ends this system begins the next.</summary>
    private void Yield(ActorSystem system, string why)
    {
        lock (_gate)
        {
            _whyEnded = why;
        }

        _ = CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.ClusterLeavingReason.Instance);
    }

    private GuardianStanding StandingNow() =>
        (_disposed != 0 && _running.IsCompleted, _post.Phase) switch
        {
            (true, _) => GuardianStanding.Left,

            // The guardian may be here before it is told here that the member is up.
            (_, GuardianPhase.Deciding) => GuardianStanding.Deciding,
            (_, GuardianPhase.Claiming) => GuardianStanding.Claiming,
            _ => _isUp ? GuardianStanding.StandingBy : GuardianStanding.Joining,
        };

    private void ShowStanding()
    {
        GuardianStanding standing;
        lock (_gate)
        {
            standing = StandingNow();
            if (standing == _standing)
            {
                return;
            }

            _standing = standing;
            Interlocked.Exchange(ref _standingSinceNs, MonotonicClock.NowNs());
        }

        Tell(() => StandingChanged?.Invoke(standing));
    }

    private void Complain(string what)
    {
        try
        {
            Complained?.Invoke(what);
        }
        catch (Exception)
        {
            // Who would be told that is the one that failed.
        }
    }

    /// <summary>A listener's mistake is not the guardian's, nor its actors'.</summary>
    private void Tell(Action listener)
    {
        try
        {
            listener();
        }
        catch (Exception mistake)
        {
            Complain($"a listener failed: {mistake.Message}");
        }
    }
}
