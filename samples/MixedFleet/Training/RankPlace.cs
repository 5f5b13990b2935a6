using MixedFleet.Groups;
using MixedFleet.Pacing;
using StragglerGuard.Core;

namespace MixedFleet.Training;

/// <summary>A step is over on one rank.</summary>
/// <param name="slot">Whose.</param>
/// <param name="number">The slot's number among the members: the lowest member has 0.</param>
/// <param name="step">The step.</param>
/// <param name="loss">Mean cross-entropy of what was computed, nats per byte.</param>
/// <param name="computed">Which micro-batches this rank has put into the step's gradient.</param>
internal delegate void StepTaken(int slot, int number, long step, double loss, ReadOnlySpan<long> computed);

/// <summary>A rank's place in the job, through all of its generations.</summary>
/// <param name="Settings">The run.</param>
/// <param name="Slot">Its place in the fleet.</param>
/// <param name="Groups">How it meets the others.</param>
/// <param name="Pace">What makes it as slow as its device class.</param>
/// <param name="OnStep">Called after every step; must be quick.</param>
/// <param name="Complain">Called, on another thread, with a line where a checkpoint could not be written.</param>
internal sealed record RankPlace(
    RunSettings Settings, int Slot, IRankGroups Groups, PaceEmulator Pace, StepTaken OnStep, Action<string> Complain)
{
    /// <summary>What it notes of its steps.</summary>
    public StepLog Log { get; } = new(Settings.Phases);

    /// <summary>Compared within this class.</summary>
    public DeviceClass DeviceClass => new(Settings.Fleet.Ranks[Slot].DeviceClass);

    /// <summary>Node and device.</summary>
    public WorkerId Worker => new(Groups.Node, Settings.DeviceOf(Slot));

    /// <summary>How many times as long as it should its work takes at a step, by the command line.</summary>
    public double FactorAt(long step) => Settings.Slowdowns.FactorAt(Slot, step) * Settings.Stalls.FactorAt(Slot, step);
}
