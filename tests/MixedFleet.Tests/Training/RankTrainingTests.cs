using MixedFleet.Data;
using MixedFleet.Fleet;
using MixedFleet.Groups;
using MixedFleet.Tests.Launch;
using MixedFleet.Tests.Model;
using MixedFleet.Training;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Hosting;

namespace MixedFleet.Tests.Training;

public sealed class RankTrainingTests
{
    private const int Steps = 12;

    /// <summary>Get ready, meet, join, begin, leave, and bring home what there is.</summary>
    private const int Between = 6;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TextCorpus _corpus = TrainingText.Corpus();
    private readonly List<long> _stepsTaken = [];

    [Fact]
    public void Advance_OfARankAlone_TakesOneStepACall()
    {
        RunSettings settings = Settings(ranks: 1);
        using NodeAgent agent = AgentOf(new HandedPlans(settings.Job));
        using ThreadMeeting meeting = new(agent, new TransportOptions(), slots: 1);
        using RankTraining training = new(settings, 0, meeting.Seat(0), stretch: 1, Note, _ => { });
        FluentActions.Invoking(() => training.Result).Should().Throw<InvalidOperationException>();

        int calls = 1;
        while (training.Advance())
        {
            calls++;
            _stepsTaken.Count.Should().BeInRange(calls - Between, calls, "a call takes one step, or none");
        }

        _stepsTaken.Should().Equal(Enumerable.Range(0, Steps).Select(step => (long)step));
        calls.Should().Be(Steps + Between);
        training.Advance().Should().BeFalse("it is over");
        training.Result.IsMember.Should().BeTrue();
        training.Result.WeightBits.Should().Be(RunOf(settings).WeightBits, "Run() is no other training");
    }

    [Fact]
    public void Dispose_InTheMidstOfAGeneration_IsSeenByTheOthers()
    {
        RunSettings settings = Settings(ranks: 2);
        using NodeAgent agent = AgentOf(new HandedPlans(settings.Job));
        using ThreadMeeting meeting = new(agent, new TransportOptions(), slots: 2);
        Exception? failure = null;
        Thread other = new(() =>
        {
            using RankTraining staying = new(settings, 1, meeting.Seat(1), stretch: 1, static (_, _, _, _, _) => { }, _ => { });
            failure = Record.Exception(staying.Run);
        })
        { IsBackground = true };
        other.Start();
        RankTraining leaving = new(settings, 0, meeting.Seat(0), stretch: 1, Note, _ => { });
        while (_stepsTaken.Count < 3)
        {
            leaving.Advance().Should().BeTrue();
        }

        leaving.Dispose();

        other.Join(Patience).Should().BeTrue("nobody hangs");
        failure.Should().BeAssignableTo<CollectiveException>();
        leaving.Advance().Should().BeFalse();
    }

    [Fact]
    public void Advance_AfterAMistake_IsOver()
    {
        RunSettings settings = Settings(ranks: 1);
        using NodeAgent agent = AgentOf(new HandedPlans(settings.Job));
        using ThreadMeeting meeting = new(agent, new TransportOptions(), slots: 1);
        using RankTraining training = new(
            settings, 0, meeting.Seat(0), stretch: 1, (_, _, _, _, _) => throw new InvalidOperationException("fails here"), _ => { });

        FluentActions.Invoking(training.Run).Should().Throw<InvalidOperationException>().WithMessage("fails here");

        training.Advance().Should().BeFalse();
    }

    private RankResult RunOf(RunSettings settings)
    {
        using NodeAgent agent = AgentOf(new HandedPlans(settings.Job));
        using ThreadMeeting meeting = new(agent, new TransportOptions(), slots: 1);
        using RankTraining training = new(settings, 0, meeting.Seat(0), stretch: 1, static (_, _, _, _, _) => { }, _ => { });
        return training.Run();
    }

    private void Note(int slot, int number, long step, double loss, ReadOnlySpan<long> computed) => _stepsTaken.Add(step);

    private static NodeAgent AgentOf(HandedPlans fabric) => new(fabric, new NodeId("here"), new AgentSection { IntervalMs = 60_000 });

    private RunSettings Settings(int ranks) => new(
        new FleetDefinition("test", [.. Enumerable.Repeat(new FleetRank("CPU", null), ranks)]), _corpus,
        new StragglerGuardOptions { Job = "stepper" }, SlowdownSchedule.None, StallSchedule.None, new RunPhases(Steps, Observed: 2),
        MicroBatches: 4, Seed: 5);
}
