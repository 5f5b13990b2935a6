using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Timing;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Agent;

public sealed class NodeAgentTests
{
    private const int Steps = 40;

    [Fact]
    public void Reports_OfARankThatLeft_HoldEveryRecordThatItWrote()
    {
        using var job = new GuardedRanks(3);
        var plan = new OfferedPlan(new JobId("job"), new Generation(0), new JobPlan(new PlanEpoch(2), default, [5, 6, 9]));

        job.Run(Steps, (rank, step) =>
        {
            if (step == 10)
            {
                job.Fabrics[rank].Deliver(plan);
            }
        });
        foreach (var part in job.Guards.Concat<IDisposable>(job.Agents))
        {
            part.Dispose();
        }

        for (int rank = 0; rank < job.WorldSize; rank++)
        {
            var reports = job.Fabrics[rank].Reports;
            reports.Select(report => report.Sequence).Should().Equal(Enumerable.Range(1, reports.Count).Select(i => (long)i));
            reports.Should().OnlyContain(report => report.Node == new NodeId($"node-{rank}"));
            var told = reports.SelectMany(report => report.Ranks).ToList();
            told.Should().OnlyContain(one => one.Enrollment == GuardedRanks.Enrollment(rank, 3) && one.Lost == 0 && one.Torn == 0);
            told.Select(one => one.Left).Should().Equal(Enumerable.Range(1, told.Count).Select(i => i == told.Count), "the last says so");

            var records = told.SelectMany(one => one.Timings.ToArray()).ToList();
            var steps = records.Where(record => record.Kind == TimingKind.Step).ToList();
            steps.Select(record => record.Step).Should().Equal(Enumerable.Range(0, Steps).Select(i => (long)i));
            steps.Should().OnlyContain(record =>
                record.Rank == new Rank(rank)
                && record.Epoch == new PlanEpoch(record.Step > 10 ? 2 : 0)
                && record.WorkUnits == (record.Step > 10 ? plan.Plan : JobPlan.Even(20, 3)).Deal.Count(new Rank(rank))
                && record.Weight == GuardedRanks.Weight(rank, record.Step)
                && record.ComputeNs >= 0 && record.ArrivalNs >= record.StartNs && record.DepartureNs >= record.ArrivalNs);
            steps.Zip(steps.Skip(1)).Should().OnlyContain(pair => pair.Second.StartNs >= pair.First.DepartureNs);
            records.Count(record => record.Kind == TimingKind.SkewProbe).Should().Be(5, "the exit skew is measured at the first step");
        }
    }

    [Fact]
    public void Records_ThatTheRingHadNoRoomFor_AreCountedAsLost()
    {
        using var job = new GuardedRanks(2, ringSlots: 64);

        job.Run(300);
        job.Guards[0].Dispose();
        job.Agents[0].Dispose();

        var told = job.Fabrics[0].Reports.SelectMany(report => report.Ranks).ToList();
        int read = told.Sum(one => one.Timings.Length);
        read.Should().Be(64);
        told[^1].Lost.Should().Be(300 + 5 - 64);
        told[^1].Timings.ToArray()[^1].Step.Should().Be(299, "the newest are kept");
    }

    [Fact]
    public void SplitVotes_OfARank_AreReported()
    {
        using var job = new GuardedRanks(2);

        job.Run(20, (rank, step) =>
        {
            if (step == 1 + (rank * 4))
            {
                job.Fabrics[rank].Deliver(new OfferedPlan(
                    new JobId("job"), new Generation(0), new JobPlan(new PlanEpoch(1), default, [5, 15])));
            }
        });
        job.Agents[0].Dispose();

        job.Fabrics[0].Reports[^1].Ranks.Single().SplitVotes.Should().Be(4);
    }

    [Fact]
    public void Agent_DisposedWhileTheJobRuns_LeavesTheJobRunningOnItsLastPlan()
    {
        using var job = new GuardedRanks(3);
        var plan = new OfferedPlan(new JobId("job"), new Generation(0), new JobPlan(new PlanEpoch(1), default, [2, 9, 9]));

        var taken = job.Run(Steps, (rank, step) =>
        {
            if (step == 3)
            {
                job.Fabrics[rank].Deliver(plan);
            }

            if (step == 10 + rank)
            {
                job.Agents[rank].Dispose();
            }
        });

        taken.Should().OnlyContain(rank => rank.Count == Steps);
        taken.SelectMany(rank => rank.Skip(4)).Should().OnlyContain(step => step.Epoch == new PlanEpoch(1));
        job.Guards.Should().AllSatisfy(guard => guard.Invoking(g => g.Dispose()).Should().NotThrow("a rank may outlive its agent"));
        job.Fabrics.Select(fabric => fabric.Reports[^1].Ranks.Single().Left)
            .Should().Equal([true, true, true], "nothing more will be heard of it");
    }

    [Fact]
    public void BeginStepAndVote_InSteadyState_AllocateNothing()
    {
        using var job = new GuardedRanks(2);
        long[] allocated = new long[2];

        // The warm-up crosses the second measurement of the exit skew, at step 512, and a change of plan.
        job.RunThreads(rank =>
        {
            for (int step = 0; step < 600; step++)
            {
                if (step == 100)
                {
                    job.Fabrics[rank].Deliver(new OfferedPlan(
                        new JobId("job"), new Generation(0), new JobPlan(new PlanEpoch(1), default, [9, 11])));
                }

                job.Guards[rank].BeginStep();
                job.Guards[rank].Vote(1);
            }

            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int step = 0; step < 600; step++)
            {
                job.Guards[rank].BeginStep();
                job.Guards[rank].Vote(1);
            }

            allocated[rank] = GC.GetAllocatedBytesForCurrentThread() - before;
        });

        allocated.Should().Equal(0, 0);
    }

    [Fact]
    public void Join_WithTheCommunicatorOfAnotherRank_Throws()
    {
        using var job = new GuardedRanks(2);

        job.Agents[0].Invoking(a => a.Join(GuardedRanks.Enrollment(0, 2), job.Communicators[1])).Should().Throw<ArgumentException>();
        job.Agents[0].Invoking(a => a.Join(GuardedRanks.Enrollment(0, 3), job.Communicators[0])).Should().Throw<ArgumentException>();
    }

    [Fact]
    public void Join_OfARankThatCannotBe_ThrowsNamingTheFault()
    {
        using var job = new GuardedRanks(2);
        var impossible = GuardedRanks.Enrollment(0, 2) with { TotalMicroBatches = -1 };

        job.Agents[0].Invoking(a => a.Join(impossible, job.Communicators[0]))
            .Should().Throw<ArgumentException>().WithMessage("*total micro-batches of -1*");
    }

    [Fact]
    public void Join_AfterTheAgentEnded_Throws()
    {
        using var transport = InProcessGroup.Create(1).Transports[0];
        using var communicator = new Communicator(transport, new CpuDevice());
        var agent = new NodeAgent(new HandDelivery(), new NodeId("n"), new AgentSection());
        agent.Dispose();
        agent.Dispose();

        agent.Invoking(a => a.Join(GuardedRanks.Enrollment(0, 1), communicator)).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void BeginStep_AfterTheRankLeft_Throws()
    {
        using var job = new GuardedRanks(1);
        job.Run(3);
        job.Guards[0].Dispose();

        job.Guards[0].Invoking(g => g.BeginStep()).Should().Throw<ObjectDisposedException>();
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Vote_WithAWeightThatIsNone_ThrowsAndTheStepCanStillBeVotedFor(double weight)
    {
        using var job = new GuardedRanks(1);
        job.Guards[0].BeginStep();

        job.Guards[0].Invoking(g => g.Vote(weight)).Should().Throw<ArgumentOutOfRangeException>();

        job.Guards[0].Vote(3).Should().Be(3);
    }
}
