using System.Globalization;
using Akka.Actor;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Collectives;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.AkkaCluster.Control;

/// <summary>
/// Asks whoever of several guardians decides now, from any process that reaches one of them: how a job stands, what is decided, whether it
/// has ended; and changes what may be done for it.
/// </summary>
/// <remarks>
/// A guardian that ends between question and answer costs time and nothing else: the question goes to the next one. May be used by several
/// threads.
/// </remarks>
/// <example>
/// <code>
/// await using GuardClient client = await GuardClient.ConnectAsync(options);
/// client.Decided += entry => Console.WriteLine(entry.Decision.Reason);
/// client.Follow();
/// GuardAnswer&lt;JobStatus&gt; status = await client.StatusAsync(new JobId("job"));
/// Console.WriteLine(status.IsAnswered ? status.Value?.StepSeconds : status.Reason);
/// </code>
/// </example>
public sealed class GuardClient : IAsyncDisposable
{
    /// <summary>Between two questions whether a job has ended.</summary>
    private static readonly TimeSpan s_askEndEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>More a timer does not take.</summary>
    private static readonly TimeSpan s_waitMax = TimeSpan.FromDays(49);

    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(5);

    private readonly ActorSystem _system;
    private readonly IActorRef _caller;
    private readonly string _guardians;
    private readonly ControlToken? _token;
    private volatile string? _guardian;
    private volatile string? _lastFault;
    private int _disposed;

    private GuardClient(ActorSystem system, string guardians, ControlToken? token, Props way)
    {
        _system = system;
        _guardians = guardians;
        _token = token;
        IActorRef to = system.ActorOf(way, "stragglerguard-way");
        var listener = new ControlListener(Tell, Note);
        _caller = system.ActorOf(Props.Create(() => new ControlCaller(to, listener)), "stragglerguard-control");
    }

    /// <summary>How long a question waits for an answer where no other time is said: longer than a takeover takes.</summary>
    /// <value>15 s.</value>
    public static TimeSpan AnswerLimit { get; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Told of every decision, in the order of the ledger, each once, whoever decides; from <see cref="Follow"/> on. On a thread of the client;
    /// must be quick. What it throws goes to <see cref="LastFault"/>.
    /// </summary>
    public event Action<LedgerEntry>? Decided;

    /// <summary>
    /// Told who decides, when that changes; null: nobody has answered for 3 s. From <see cref="Follow"/> on, on a thread of the client; must be
    /// quick. What it throws goes to <see cref="LastFault"/>.
    /// </summary>
    public event Action<string?>? GuardianChanged;

    /// <summary>Who answered last, by its name in the ledger; null where nobody has, or none has for 3 s.</summary>
    public string? Guardian => _guardian;

    /// <summary>The last mistake of a listener, in words; null while there was none.</summary>
    public string? LastFault => _lastFault;

    /// <summary>Begins to look for the guardians. They need not run yet: a question waits for them.</summary>
    /// <param name="options">
    /// The options; <see cref="StragglerGuardOptions.Cluster"/> names the guardians, this process's host and, for orders, the control token. Its port
    /// is not used: a client takes a free one.
    /// </param>
    /// <param name="onSaid">Takes warnings, in a sentence each, on a thread of the client; null: nobody hears them.</param>
    /// <exception cref="ArgumentException">An option is out of its range, missing or contradicts another; the message names every such option.</exception>
    /// <exception cref="EndpointUnavailableException">The address is not this machine's.</exception>
    public static async Task<GuardClient> ConnectAsync(StragglerGuardOptions options, Action<string>? onSaid = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ClusterSettings settings = ClusterSettings.ReadOrThrow(
            options with { Cluster = options.Cluster with { Port = null } }, ClusterRole.ControlClient);
        ActorSystem system = await Task.Run(() => GuardActorSystem.Create(settings, onSaid ?? (static _ => { }))).ConfigureAwait(false);
        try
        {
            return new GuardClient(system, options.Cluster.Guardians, settings.ControlToken, Props.Create(() => new ClientWay(settings.Guardians.ToArray())));
        }
        catch
        {
            await system.Terminate().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Begins to tell <see cref="Decided"/> and <see cref="GuardianChanged"/>; once.</summary>
    /// <param name="after">The last entry of the ledger that is known already, 0 or more; null: what was decided before now is not told.</param>
    public void Follow(long? after = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(after ?? 0);
        _caller.Tell(new ControlCaller.FollowFrom(after));
    }

    /// <summary>What is known of a job now.</summary>
    /// <param name="job">The job.</param>
    /// <param name="within">How long to wait for an answer, up to 49 days; <see cref="AnswerLimit"/> where it isn't said.</param>
    /// <returns>The status; null where whoever decides has heard nothing of the job.</returns>
    public async Task<GuardAnswer<JobStatus>> StatusAsync(JobId job, TimeSpan? within = null)
    {
        (ControlAnswer answer, string reason) = await AskAsync((id, replyTo) => new StatusQuestion(id, replyTo, job), within).ConfigureAwait(false);
        return answer is StatusTold told
            ? new GuardAnswer<JobStatus>(told.Guardian, told.Status, "")
            : new GuardAnswer<JobStatus>(null, null, reason);
    }

    /// <summary>
    /// Changes what may be done for a job, see <see cref="GuardianService.SetMode"/>. It stands in the ledger, and holds for whoever takes over.
    /// </summary>
    /// <param name="job">The job; it need not have reported yet.</param>
    /// <param name="mode">Observe, advise or act.</param>
    /// <param name="fromStep">The first step whose frame is judged under the mode, 0 or more.</param>
    /// <param name="reason">Who changes it, or why; stands in the ledger.</param>
    /// <param name="within">How long to wait for an answer, up to 49 days; <see cref="AnswerLimit"/> where it isn't said.</param>
    /// <returns>
    /// Where nobody answered it may have been obeyed or not; to say it again does no harm. Nobody obeys without the guardians' control token
    /// (<see cref="ClusterSection.ControlTokenFile"/>).
    /// </returns>
    public async Task<GuardAnswer> SetModeAsync(
        JobId job, PolicyMode mode, long fromStep = 0, string reason = "set through a client of the guardians", TimeSpan? within = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(fromStep);
        ArgumentNullException.ThrowIfNull(reason);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        if (_token is not { } token)
        {
            return new GuardAnswer(
                null, "an order needs the guardians' control token: this client's options name none (cluster.controlTokenFile or cluster.controlTokenVariable)");
        }

        DateTimeOffset at = TimeProvider.System.GetUtcNow();
        (ControlAnswer answer, string fault) = await AskAsync(
            (id, replyTo) => token.Sign(new ModeOrder(id, replyTo, job, mode, fromStep, reason, at, Proof: "")), within).ConfigureAwait(false);
        return answer is ModeSet done ? new GuardAnswer(done.Guardian, "") : new GuardAnswer(null, fault);
    }

    /// <summary>Waits until every rank of a job has said that it left, and all of its steps are judged.</summary>
    /// <param name="job">The job; it need not have reported yet.</param>
    /// <param name="within">How long to wait, up to 49 days.</param>
    /// <returns>Whether that came within the time. No answer where nobody decided at the end of it.</returns>
    /// <remarks>Who takes over after the last report of a rank hears nothing more of it, and never sees the job end.</remarks>
    public async Task<GuardAnswer<bool>> JobEndedAsync(JobId job, TimeSpan within)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(within, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(within, s_waitMax);
        long endNs = MonotonicClock.NowNs() + (long)within.TotalNanoseconds;
        using var over = new CancellationTokenSource(within);
        using var pause = new PeriodicTimer(s_askEndEvery);
        while (true)
        {
            TimeSpan left = TimeSpan.FromMicroseconds(Math.Max(0, (endNs - MonotonicClock.NowNs()) / 1_000));
            (ControlAnswer answer, string reason) = await AskAsync((id, replyTo) => new EndQuestion(id, replyTo, job), left).ConfigureAwait(false);
            if (answer is not EndTold { HasEnded: false } told)
            {
                return answer is EndTold ended ? new GuardAnswer<bool>(ended.Guardian, true, "") : new GuardAnswer<bool>(null, false, reason);
            }

            try
            {
                await pause.WaitForNextTickAsync(over.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return new GuardAnswer<bool>(told.Guardian, false, "");
            }
        }
    }

    /// <summary>Asks no more; whoever waits for an answer gets none. Takes 5 s at most.</summary>
    /// <remarks>A listener that does not come back is left behind with its thread, which does not keep the process, and is the <see cref="LastFault"/>.</remarks>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        try
        {
            await EndAsync().WaitAsync(s_stopLimit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _lastFault = "a listener has not come back: it was left behind when this client was closed";
        }
    }

    private async Task EndAsync()
    {
        try
        {
            // PostStop gives those who wait their answer.
            await _caller.GracefulStop(s_stopLimit).ConfigureAwait(false);
        }
        catch (TaskCanceledException)
        {
            // A listener holds it up; the rest ends all the same.
        }

        await _system.Terminate().ConfigureAwait(false);
    }

    private async Task<(ControlAnswer Answer, string Reason)> AskAsync(Func<long, IActorRef, ControlQuestion> question, TimeSpan? within)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        TimeSpan limit = within ?? AnswerLimit;
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, TimeSpan.Zero, nameof(within));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, s_waitMax, nameof(within));
        var answered = new TaskCompletionSource<ControlAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _caller.Tell(new ControlCaller.Ask(question, limit, answered));
        ControlAnswer answer;
        try
        {
            answer = await answered.Task.WaitAsync(limit + s_stopLimit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // It was closed before it had read the question.
            answer = new ControlRefused(0, "", IsFinal: true, "this client was closed");
        }

        string reason = answer is not ControlRefused refused ? ""
            : refused.IsFinal ? refused.Reason
            : string.Create(
                CultureInfo.InvariantCulture,
                $"no guardian of {_guardians} decided within {limit.TotalSeconds:0.#} s{(refused.Reason.Length > 0 ? $": {refused.Reason}" : "")}");
        return (answer, reason);
    }

    private void Tell(LedgerEntry entry)
    {
        try
        {
            Decided?.Invoke(entry);
        }
        catch (Exception mistake)
        {
            _lastFault = $"a listener to decisions failed: {mistake.Message}";
        }
    }

    private void Note(string? guardian)
    {
        if (guardian == _guardian)
        {
            return;
        }

        _guardian = guardian;
        try
        {
            GuardianChanged?.Invoke(guardian);
        }
        catch (Exception mistake)
        {
            _lastFault = $"a listener to changes of the guardian failed: {mistake.Message}";
        }
    }
}
