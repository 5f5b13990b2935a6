using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Guardian;

/// <summary>A job in virtual time from its ranks' records to the plan in force, judged as the guardian judges it.</summary>
internal sealed class JudgedJob
{
    private readonly LedgerPlace _place;
    private readonly List<StepTiming> _unreported = [];
    private (JobPlan Plan, long FromStep)? _onItsWay;

    public JudgedJob(VirtualRanks ranks, PolicyMode mode = PolicyMode.Act, InMemoryLedger? ledger = null, StragglerGuardOptions? options = null, JobContext? context = null)
    {
        Ranks = ranks;
        Modes = new ModeSchedule(mode);
        Ledger = ledger ?? new InMemoryLedger();
        Judge = new JobJudge(ranks.Enrollment(0), Modes, options ?? new StragglerGuardOptions(), context);
        for (int rank = 1; rank < ranks.Count; rank++)
        {
            Judge.Enroll(ranks.Enrollment(rank)).Should().BeTrue();
        }

        _place = new LedgerPlace(Ledger, entry => _ = entry.Decision is PlanDecided plan && Judge.TakeOver(plan));
        _place.CatchUp();
        _unreported.AddRange(ranks.SkewProbes());
    }

    public VirtualRanks Ranks { get; }

    public ModeSchedule Modes { get; }

    public InMemoryLedger Ledger { get; }

    public JobJudge Judge { get; }

    /// <summary>Steps from one report to the next.</summary>
    public int StepsPerReport { get; init; } = 3;

    /// <summary>Steps from a decision to its being in force.</summary>
    public int SwitchSteps { get; init; } = 2;

    /// <summary>Whether the records are those of another run, in which its plans came into force.</summary>
    public bool IsReplay { get; init; }

    /// <summary>Why the guardian distrusts itself.</summary>
    public string? Complaint { get; set; }

    /// <summary>What the network does to the records of one report.</summary>
    public Func<List<StepTiming>, List<StepTiming>> Network { get; init; } = records => records;

    /// <summary>Every report as it was judged.</summary>
    public List<List<StepTiming>> Heard { get; } = [];

    public IEnumerable<LedgerDecision> Decisions => Ledger.Read().Select(entry => entry.Decision);

    public IEnumerable<PlanDecided> Plans => Decisions.OfType<PlanDecided>();

    public JudgedJob RunTo(long step)
    {
        while (Ranks.NextStep < step)
        {
            if (_onItsWay is { } switched && switched.FromStep <= Ranks.NextStep)
            {
                Ranks.InForce = switched.Plan.Deal;
                Ranks.TrialUnder = switched.Plan.IsTrial ? switched.Plan.Epoch : Ranks.TrialUnder;
                _onItsWay = null;
            }

            _unreported.AddRange(Ranks.TakeStep());
            if (Ranks.NextStep % StepsPerReport == 0 || Ranks.NextStep == step)
            {
                List<StepTiming> arrived = Network([.. _unreported]);
                _unreported.Clear();
                Hear(arrived);
            }
        }

        return this;
    }

    /// <summary>The guardian reads one report of all ranks.</summary>
    public void Hear(List<StepTiming> records, bool left = false)
    {
        Heard.Add(records);
        for (int rank = Ranks.Count - 1; rank >= 0; rank--)
        {
            Judge.Add(Ranks.ReportOf(rank, records, left));
        }

        Judge.JudgeFrames(Complaint, Commit);
    }

    /// <summary>What a failure message needs.</summary>
    public string Story() =>
        $"seed {Ranks.Seed}, {Ranks.Count} ranks: {string.Join("; ", Decisions.Select(d => $"step {d.Step}: {d.Reason}"))}";

    /// <summary>Virtual time.</summary>
    public DateTimeOffset Now => DateTimeOffset.UnixEpoch.AddSeconds(Judge.NowSeconds);

    public LedgerEntry? Commit(Func<long, LedgerDecision?> decide) => _place.Commit(decide, Now, entry =>
    {
        if (!IsReplay && entry.Decision is PlanDecided plan && plan.Plan.Generation == Ranks.Generation)
        {
            _onItsWay.Should().BeNull($"no plan is offered while one is on its way ({Story()})");
            _onItsWay = (plan.Plan, Ranks.NextStep + SwitchSteps);
        }
    });
}
