using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;

namespace StragglerGuard.Tests.Agent;

public sealed class StepReducerTests
{
    private const int Gradients = 100;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Step_InSteadyState_AllocatesNothing(int backups)
    {
        using var job = new GuardedRanks(2);
        long[] allocated = new long[2];

        job.RunThreads(rank =>
        {
            using StepReducer<float> reducer = Reducer(job, rank);
            job.Fabrics[rank].Deliver(Offer(new JobPlan(new PlanEpoch(1), default, [10, 10], deadlineNs: 1, backups)));
            for (int step = 0; step < 600; step++)
            {
                Take(reducer);
            }

            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int step = 0; step < 400; step++)
            {
                Take(reducer);
            }

            allocated[rank] = GC.GetAllocatedBytesForCurrentThread() - before;
        });

        allocated.Should().Equal(0, 0);
    }

    [Fact]
    public void GoOn_PastTheDeadline_StopsAfterTheFirstMicroBatchAndAllRanksHearHowManyWereDone()
    {
        using var job = new GuardedRanks(2);
        int[][] done = new int[2][];

        job.RunThreads(rank =>
        {
            using StepReducer<float> reducer = Reducer(job, rank);
            Take(reducer).Should().Be(10, "there is no deadline yet");
            done[rank] = reducer.Done.ToArray();
            job.Fabrics[rank].Deliver(Offer(new JobPlan(new PlanEpoch(1), default, [10, 10], deadlineNs: 1)));
            while (job.Guards[rank].Plan.Epoch == PlanEpoch.Initial)
            {
                Take(reducer);
            }

            Take(reducer).Should().Be(1);
            done[rank] = [.. done[rank], .. reducer.Done];
        });

        done.Should().OnlyContain(seen => seen.SequenceEqual(new[] { 10, 10, 1, 1 }));
    }

    private static StepReducer<float> Reducer(GuardedRanks job, int rank)
    {
        DeviceBuffer<float> gradients = job.Devices[rank].Allocate<float>(Gradients);
        return job.Guards[rank].Reducer(gradients.All, sums: 2);
    }

    private static OfferedPlan Offer(JobPlan plan) => new(new JobId("job"), new Generation(0), plan);

    private static int Take(StepReducer<float> reducer)
    {
        int dealt = reducer.BeginStep().Count;
        int done = 0;
        while (done < dealt && reducer.GoOn())
        {
            done++;
        }

        Span<double> sums = [1, done];
        reducer.Finish(done, done, sums);
        return done;
    }
}
