using System.Collections.Concurrent;
using MixedFleet.Checkpoints;
using MixedFleet.Data;
using MixedFleet.Fleet;
using MixedFleet.Groups;
using MixedFleet.Launch;
using MixedFleet.Tests.Model;
using MixedFleet.Training;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Hosting;

namespace MixedFleet.Tests.Launch;

/// <summary>Real ranks as threads, and no guardian: plans come when the test says so.</summary>
public sealed class RegroupingTests : IDisposable
{
    private const int Ranks = 4;
    private const int MicroBatches = 8;
    private const int None = JobPlan.NotMember;

    /// <summary>README: a rank leaves within 10 steps of the decision.</summary>
    private const long StepsToSwitch = 10;

    private readonly string _folder = Directory.CreateTempSubdirectory("regrouping").FullName;
    private readonly TextCorpus _corpus = TrainingText.Corpus();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Ranks_EvictedAndReadmittedTwice_KeepEverySampleAndTheSameWeights()
    {
        JobPlan[] plans =
        [
            Plan(1, 1, [3, None, 2, 3]),
            Plan(2, 2, [2, 2, 2, 2]),
            Plan(3, 3, [None, 2, 3, 3]),
            Plan(4, 4, [1, 2, 2, 3]),
        ];
        Outcome outcome = await RunAsync(Settings(steps: 60), [(6, plans[0]), (18, plans[1]), (30, plans[2]), (42, plans[3])]);

        outcome.Results.Should().HaveCount(Ranks).And.OnlyContain(rank => rank.IsMember);
        outcome.Results.Select(rank => rank.WeightBits).Distinct().Should().ContainSingle();
        outcome.Results.Should().OnlyContain(rank => rank.GradientMaxRelativeError <= 1e-10);
        outcome.ShouldHoldEverySampleOnce(60 * MicroBatches, waiting: 0);

        outcome.Results[2].Generations.Select(joined => joined.Epoch).Should().Equal(0, 1, 2, 3, 4);
        outcome.Results[1].Generations.Select(joined => joined.Epoch).Should().Equal([0, 2, 3, 4], "it was out for the first plan");
        outcome.Results[0].Generations.Select(joined => joined.Epoch).Should().Equal([0, 1, 2, 4], "it was out for the third");
        foreach ((long offeredAt, int number) in new[] { (6L, 1), (18L, 2), (30L, 3), (42L, 4) })
        {
            outcome.Results[2].Generations[number].FirstStep.Should().BeInRange(offeredAt + 1, offeredAt + StepsToSwitch);
        }

        outcome.Members(at: outcome.Results[2].Generations[1].FirstStep).Should().Equal(0, 2, 3);
        outcome.Members(at: outcome.Results[2].Generations[3].FirstStep).Should().Equal(1, 2, 3);
    }

    [Fact]
    public async Task Ranks_UnderADeadlineAndBackups_DoLaterWhatTheyDropped()
    {
        // No micro-batch ends within the deadline: every rank does its first one only.
        JobPlan deadline = new(new PlanEpoch(1), new Generation(0), [2, 2, 2, 2], deadlineNs: 1);
        JobPlan backups = new(new PlanEpoch(2), new Generation(0), [2, 2, 2, 2], backups: 2);
        JobPlan without = Plan(3, 1, [3, None, 2, 3]);
        Outcome outcome = await RunAsync(Settings(steps: 50), [(4, deadline), (16, backups), (30, without)]);

        RankResult[] members = [.. outcome.Results.Where(rank => rank.IsMember)];
        members.Should().HaveCount(3);
        members.Select(rank => rank.WeightBits).Distinct().Should().ContainSingle();
        members[0].StepMicroBatches[15].Should().Be(Ranks, "one of every rank, under the deadline");
        int computed = members[0].StepMicroBatches.Sum();
        outcome.ShouldHoldEverySampleOnce(computed, members[0].WaitingMicroBatches);
    }

    [Fact]
    public void Ranks_ThatLoseOne_GoOnWithoutItFromOneState()
    {
        const int Victim = 2;
        RunSettings settings = Settings(steps: 40);
        HandedPlans fabric = new(settings.Job) { OnFailure = Plan(1, 1, [3, 2, None, 3]) };
        using NodeAgent agent = new(fabric, new NodeId("here"), new AgentSection { IntervalMs = 60_000 });
        using ThreadMeeting meeting = new(agent, new TransportOptions(), Ranks);
        RankResult?[] results = new RankResult?[Ranks];
        Exception?[] failures = new Exception?[Ranks];
        Thread[] threads = [.. Enumerable.Range(0, Ranks).Select(rank => new Thread(() =>
        {
            try
            {
                using RankTraining training = new(settings, rank, meeting.Seat(rank), stretch: 1, Note, _ => { });
                results[rank] = training.Run();
            }
            catch (Exception e)
            {
                failures[rank] = e;
            }
        })
        { IsBackground = true })];
        Array.ForEach(threads, thread => thread.Start());
        threads.Should().OnlyContain(thread => thread.Join(TimeSpan.FromSeconds(60)), "nobody hangs");

        failures.Select((failure, rank) => (failure, rank)).Where(one => one.failure is not null).Select(one => one.rank).Should().Equal(Victim);
        RankResult[] left = [.. results.OfType<RankResult>()];
        left.Select(rank => rank.Slot).Should().Equal(0, 1, 3);
        left.Should().OnlyContain(rank => rank.IsMember && rank.Members.SequenceEqual(new[] { 0, 1, 3 }));
        left.Select(rank => rank.WeightBits).Distinct().Should().ContainSingle();
        left[0].Generations.Select(joined => joined.Epoch).Should().Equal(0, 1);
        left[0].Generations[1].FirstStep.Should().BeInRange(12, 13, "the failure struck as that step ended: some had done it");

        void Note(int slot, int number, long step, double loss, ReadOnlySpan<long> computed)
        {
            if (slot == Victim && step == 12)
            {
                throw new InvalidOperationException("this rank fails here");
            }
        }
    }

    [Fact]
    public async Task Checkpoint_OfALaterGenerationWithoutAMember_GoesOnAndTakesItBack()
    {
        string file = Path.Combine(_folder, "job");
        RunSettings first = Settings(steps: 24) with { CheckpointPath = file, CheckpointEvery = 5 };
        Outcome before = await RunAsync(first, [(6, Plan(1, 1, [None, 3, 2, 3]))]);
        Checked<TrainingState> state = CheckpointFile.Read(file, first.Identity);
        state.Errors.Should().BeEmpty();
        state.Value!.Plan.Generation.Should().Be(new Generation(1));
        before.Results.Single(rank => rank.Slot == 1).WeightBits.Should().NotBe(before.Results.Single(rank => rank.Slot == 0).WeightBits);

        RunSettings second = Settings(steps: 48) with { ResumedFrom = state.Value, Phases = new RunPhases(48, Observed: 2, First: 24) };
        Outcome after = await RunAsync(second, [(30, Plan(2, 2, [2, 2, 2, 2]))]);

        after.Results.Should().HaveCount(Ranks).And.OnlyContain(rank => rank.IsMember);
        after.Results.Select(rank => rank.WeightBits).Distinct().Should().ContainSingle();
        after.Results[1].Generations.Select(joined => joined.Generation).Should().Equal(1, 2);
        after.Results[0].Generations.Select(joined => joined.Generation).Should().Equal(2);
        before.Computed.Concat(after.Computed).Select(one => one.MicroBatch).Order()
            .Should().Equal(Enumerable.Range(0, 48 * MicroBatches).Select(number => (long)number));
    }

    private static JobPlan Plan(long epoch, int generation, int[] shares) => new(new PlanEpoch(epoch), new Generation(generation), shares);

    private RunSettings Settings(int steps) => new(
        new FleetDefinition("test", [.. Enumerable.Repeat(new FleetRank("CPU", null), Ranks)]), _corpus,
        new StragglerGuardOptions { Job = "regrouping", Mitigation = new MitigationSection { Allowed = MitigationChoice.Auto } },
        SlowdownSchedule.None, StallSchedule.None, new RunPhases(steps, Observed: 2), MicroBatches, Seed: 5);

    private static async Task<Outcome> RunAsync(RunSettings settings, (long AfterStep, JobPlan Plan)[] plans)
    {
        HandedPlans fabric = new(settings.Job);
        using NodeAgent agent = new(fabric, new NodeId("here"), new AgentSection { IntervalMs = 60_000 });
        ConcurrentQueue<Computed> computed = [];
        await using SilentDisplay display = new();
        LaunchOutcome outcome = await new ThreadLauncher(settings, agent, stretch: 1, display)
        {
            OnStep = (slot, number, step, _, microBatches) =>
            {
                foreach (long microBatch in microBatches)
                {
                    computed.Enqueue(new Computed(slot, step, microBatch));
                }

                // Again after every step, as a guardian does until it sees the plan in force.
                int newest = Array.FindLastIndex(plans, plan => plan.AfterStep <= step);
                if (number == 0 && newest >= 0)
                {
                    fabric.Offer(plans[newest].Plan, newest == 0 ? settings.StartPlan.Generation : plans[newest - 1].Plan.Generation);
                }
            },
        }.RunAsync(CancellationToken.None);
        outcome.Error.Should().BeNull();
        return new Outcome(outcome.Results!, [.. computed]);
    }

    private sealed record Computed(int Slot, long Step, long MicroBatch);

    private sealed record Outcome(IReadOnlyList<RankResult> Results, IReadOnlyList<Computed> Computed)
    {
        public IEnumerable<int> Members(long at) => Computed.Where(one => one.Step == at).Select(one => one.Slot).Distinct().Order();

        public void ShouldHoldEverySampleOnce(int done, int waiting)
        {
            Computed.Should().HaveCount(done);
            Computed.Select(one => one.MicroBatch).Should().OnlyHaveUniqueItems();
            Computed.Max(one => one.MicroBatch).Should().BeLessThan(done + waiting);
        }
    }
}
