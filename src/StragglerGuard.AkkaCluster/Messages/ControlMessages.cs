using Akka.Actor;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Guardian;
using StragglerGuard.Ledger;

namespace StragglerGuard.AkkaCluster.Messages;

/// <summary>A question or an order to whoever decides. It may be repeated: what is ordered twice is done once.</summary>
/// <param name="Id">Stands in the answer; the asker's own number.</param>
/// <param name="ReplyTo">Where the answer goes.</param>
internal abstract record ControlQuestion(long Id, IActorRef ReplyTo) : IControlMessage;

/// <summary>What is known of a job?</summary>
/// <param name="Id">See <see cref="ControlQuestion"/>.</param>
/// <param name="ReplyTo">See <see cref="ControlQuestion"/>.</param>
/// <param name="Job">Which.</param>
internal sealed record StatusQuestion(long Id, IActorRef ReplyTo, JobId Job) : ControlQuestion(Id, ReplyTo);

/// <summary>Change what may be done for a job.</summary>
/// <param name="Id">See <see cref="ControlQuestion"/>.</param>
/// <param name="ReplyTo">See <see cref="ControlQuestion"/>.</param>
/// <param name="Job">Which.</param>
/// <param name="Mode">Observe, advise or act.</param>
/// <param name="FromStep">The first step under the mode, 0 or more.</param>
/// <param name="Reason">Stands in the ledger.</param>
/// <param name="At">When it was given, UTC: an old one is not obeyed.</param>
/// <param name="Proof">What only a holder of the control token can make of it: <see cref="Control.ControlToken"/>. Empty: none.</param>
internal sealed record ModeOrder(
    long Id, IActorRef ReplyTo, JobId Job, PolicyMode Mode, long FromStep, string Reason, DateTimeOffset At, string Proof)
    : ControlQuestion(Id, ReplyTo);

/// <summary>Has a job ended?</summary>
/// <param name="Id">See <see cref="ControlQuestion"/>.</param>
/// <param name="ReplyTo">See <see cref="ControlQuestion"/>.</param>
/// <param name="Job">Which.</param>
internal sealed record EndQuestion(long Id, IActorRef ReplyTo, JobId Job) : ControlQuestion(Id, ReplyTo);

/// <summary>What was decided since? Answered when there is something, or after a while.</summary>
/// <param name="Id">See <see cref="ControlQuestion"/>.</param>
/// <param name="ReplyTo">See <see cref="ControlQuestion"/>.</param>
/// <param name="After">The last entry of the ledger that the asker knows, 0 or more; null: from now on, answered at once.</param>
internal sealed record DecisionsQuestion(long Id, IActorRef ReplyTo, long? After) : ControlQuestion(Id, ReplyTo);

/// <summary>The answer of the guardian that decides.</summary>
/// <param name="Id">Of the question.</param>
/// <param name="Guardian">Its name in the ledger.</param>
internal abstract record ControlAnswer(long Id, string Guardian) : IFabricMessage;

/// <summary>What is known of a job.</summary>
/// <param name="Id">Of the question.</param>
/// <param name="Guardian">Who answers.</param>
/// <param name="Status">Null: nothing.</param>
internal sealed record StatusTold(long Id, string Guardian, JobStatus? Status) : ControlAnswer(Id, Guardian);

/// <summary>The mode is as ordered.</summary>
/// <param name="Id">Of the order.</param>
/// <param name="Guardian">Who answers.</param>
internal sealed record ModeSet(long Id, string Guardian) : ControlAnswer(Id, Guardian);

/// <summary>Whether a job has ended.</summary>
/// <param name="Id">Of the question.</param>
/// <param name="Guardian">Who answers.</param>
/// <param name="HasEnded">All of its ranks have left and all steps are judged.</param>
internal sealed record EndTold(long Id, string Guardian, bool HasEnded) : ControlAnswer(Id, Guardian);

/// <summary>What was decided. Where it is much, several of these answer one question.</summary>
/// <param name="Id">Of the question.</param>
/// <param name="Guardian">Who answers.</param>
/// <param name="Through">Up to this entry of the ledger the asker now knows everything.</param>
/// <param name="Entries">Oldest first.</param>
internal sealed record DecisionsTold(long Id, string Guardian, long Through, IReadOnlyList<LedgerEntry> Entries) : ControlAnswer(Id, Guardian);

/// <summary>It can't be answered.</summary>
/// <param name="Id">Of the question.</param>
/// <param name="Guardian">Who answers.</param>
/// <param name="IsFinal">Whether to ask again is of no use: the question is impossible. Otherwise nobody decides at the moment.</param>
/// <param name="Reason">In words.</param>
internal sealed record ControlRefused(long Id, string Guardian, bool IsFinal, string Reason) : ControlAnswer(Id, Guardian);
