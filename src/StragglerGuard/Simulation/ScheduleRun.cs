namespace StragglerGuard.Simulation;

/// <summary>Who says what a virtual fleet does next, and watches what comes of it.</summary>
internal interface ISchedule
{
    /// <summary>The plan of the step that begins now.</summary>
    /// <param name="step">The step.</param>
    /// <param name="beginNs">When it begins, ns since the start.</param>
    /// <param name="faults">What is wrong with the fleet, for who may know it.</param>
    /// <param name="changed">Whether that is other than at the step before.</param>
    /// <param name="pauseNs">What changing to it costs before the step can begin, ns.</param>
    VirtualPlan PlanOf(long step, long beginNs, FaultState faults, bool changed, out long pauseNs);

    /// <summary>The step is over.</summary>
    /// <param name="step">The step.</param>
    /// <param name="beginNs">When it began, ns since the start.</param>
    /// <param name="plan">The plan that it was taken under.</param>
    /// <param name="fleet">What every replica did.</param>
    /// <param name="taken">What it came to.</param>
    void Took(long step, long beginNs, VirtualPlan plan, VirtualFleet fleet, in FleetStep taken);
}

/// <summary>One fleet under one schedule from the first step to the end of the run, with its own clock.</summary>
internal sealed class ScheduleRun
{
    /// <summary>The last quarter of a run tells what a schedule comes to once it has settled.</summary>
    private const double SettledFrom = 0.75;

    private const double SecondsPerHour = 3_600;

    private readonly Scenario _scenario;
    private readonly ISchedule _schedule;
    private readonly FaultState _faults;
    private readonly VirtualFleet _fleet;
    private readonly Tally[] _ofEvents;
    private readonly long _endNs;
    private long _nowNs;

    /// <summary>Begins before the first step.</summary>
    /// <param name="scenario">The fleet and its faults.</param>
    /// <param name="schedule">What it does.</param>
    /// <param name="isSpared">Whether no event strikes it.</param>
    public ScheduleRun(Scenario scenario, ISchedule schedule, bool isSpared = false)
    {
        _scenario = scenario;
        _schedule = schedule;
        _faults = new FaultState(scenario, isSpared);
        _fleet = new VirtualFleet(scenario);
        _ofEvents = [.. scenario.Events.Select(_ => new Tally())];
        _endNs = scenario.Hours is { } hours ? VirtualFleet.Nanoseconds(hours * SecondsPerHour) : long.MaxValue;
    }

    /// <summary>Everything.</summary>
    public Tally Whole { get; } = new();

    /// <summary>The last quarter.</summary>
    public Tally Settled { get; } = new();

    /// <summary>While each event held.</summary>
    public IReadOnlyList<Tally> OfEvents => _ofEvents;

    /// <summary>Whether the run is over.</summary>
    public bool IsOver(long step) => _nowNs >= _endNs || step >= (_scenario.Steps ?? Scenario.StepsMax);

    /// <summary>Takes the step whose chance was drawn.</summary>
    public void Take(StepDraws draws)
    {
        long beginNs = _nowNs;
        bool changed = _faults.Advance(draws.Step, beginNs * 1e-9);
        VirtualPlan plan = _schedule.PlanOf(draws.Step, beginNs, _faults, changed, out long pauseNs);
        FleetStep taken = _fleet.Take(plan, _faults, draws);
        _schedule.Took(draws.Step, beginNs + pauseNs, plan, _fleet, in taken);
        taken = taken with { StepNs = taken.StepNs + pauseNs };
        _nowNs += taken.StepNs;
        Whole.Add(in taken);
        if (IsSettled(draws.Step, beginNs))
        {
            Settled.Add(in taken);
        }

        foreach (int held in _faults.Holding)
        {
            _ofEvents[held].Add(in taken);
        }
    }

    private bool IsSettled(long step, long beginNs) =>
        _scenario.Steps is { } steps ? step >= Math.Floor(SettledFrom * steps) : beginNs >= SettledFrom * _endNs;
}

/// <summary>Micro-batches and the time that they took.</summary>
internal sealed class Tally
{
    public long Steps { get; private set; }

    public long Units { get; private set; }

    public long Ns { get; private set; }

    /// <summary>Micro-batches a second; NaN where there was no step.</summary>
    public double UnitsPerSecond => Ns > 0 ? Units / (Ns * 1e-9) : double.NaN;

    /// <summary>Mean, s; NaN where there was no step.</summary>
    public double StepSeconds => Steps > 0 ? Ns * 1e-9 / Steps : double.NaN;

    public void Add(in FleetStep taken)
    {
        Steps++;
        Units += taken.UnitsCounted;
        Ns += taken.StepNs;
    }
}

/// <summary>The even deal, whatever happens.</summary>
internal sealed class EvenSchedule(Scenario scenario) : ISchedule
{
    private readonly VirtualPlan _even = VirtualPlan.Even(scenario);

    /// <inheritdoc/>
    public VirtualPlan PlanOf(long step, long beginNs, FaultState faults, bool changed, out long pauseNs)
    {
        pauseNs = 0;
        return _even;
    }

    /// <inheritdoc/>
    public void Took(long step, long beginNs, VirtualPlan plan, VirtualFleet fleet, in FleetStep taken)
    {
    }
}

/// <summary>The best plan from the first step of every change on.</summary>
internal sealed class BestSchedule(Scenario scenario) : ISchedule
{
    private readonly BestPlan _best = new(scenario);
    private VirtualPlan _plan = VirtualPlan.Even(scenario);

    /// <inheritdoc/>
    public VirtualPlan PlanOf(long step, long beginNs, FaultState faults, bool changed, out long pauseNs)
    {
        pauseNs = 0;
        _plan = changed ? _best.For(faults) : _plan;
        return _plan;
    }

    /// <inheritdoc/>
    public void Took(long step, long beginNs, VirtualPlan plan, VirtualFleet fleet, in FleetStep taken)
    {
    }
}
