using System.Numerics.Tensors;
using MixedFleet.Data;
using MixedFleet.Model;
using MixedFleet.Tests.Launch;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace MixedFleet.Tests.Model;

/// <summary>The gradient of a step, in fp64, as the guard's reduction gives it to every rank, held against one rank that computes the same alone.</summary>
public sealed class PartialGradientTests
{
    private const int MicroBatches = 9;
    private const ulong Seed = 11;

    private static readonly ModelShape Shape = new(contextBytes: 4, embeddingWidth: 3, hiddenWidth: 7, samples: 4);

    [Theory]
    [InlineData(new[] { 3, 3, 3 })]
    [InlineData(new[] { 7, 1, 1 })]
    [InlineData(new[] { 5, JobPlan.NotMember, 4 })]
    [InlineData(new[] { JobPlan.NotMember, 9, JobPlan.NotMember })]
    public void Gradient_UnderARebalanceOrAnEviction_EqualsTheEvenUndisturbedOne(int[] shares)
    {
        JobPlan plan = new(PlanEpoch.Initial, new Generation(0), shares);

        Step[] steps = Take(plan, [.. plan.Deal.MicroBatches]);

        ShouldEqual(steps, Reference(Enumerable.Range(0, MicroBatches)));
    }

    [Theory]
    [InlineData(new[] { 3, 3, 3 }, new[] { 1, 3, 2 })]
    [InlineData(new[] { 5, 2, 2 }, new[] { 4, 2, 1 })]
    public void Gradient_UnderADeadline_EqualsTheReferenceThatIsToldTheCounts(int[] shares, int[] done)
    {
        JobPlan plan = new(PlanEpoch.Initial, new Generation(0), shares, deadlineNs: long.MaxValue);

        Step[] steps = Take(plan, done);

        steps.Should().OnlyContain(step => step.Done.SequenceEqual(done) && step.WasIn);
        ShouldEqual(steps, Reference(Enumerable.Range(0, shares.Length).SelectMany(rank =>
            Enumerable.Range(plan.Deal.First(new Rank(rank)), done[rank]))));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Gradient_WithBackups_EqualsTheReferenceThatIsToldTheParticipants(int late)
    {
        JobPlan plan = new(PlanEpoch.Initial, new Generation(0), [2, 4, 3], backups: 1);

        Step[] steps = Take(plan, [.. plan.Deal.MicroBatches], late);

        int[] done = [.. plan.Deal.MicroBatches];
        done[late] = 0;
        steps.Should().OnlyContain(step => step.Done.SequenceEqual(done));
        steps.Select(step => step.WasIn).Should().Equal(Enumerable.Range(0, 3).Select(rank => rank != late));
        ShouldEqual(steps, Reference(Enumerable.Range(0, 3).Where(rank => rank != late).SelectMany(rank =>
            Enumerable.Range(plan.Deal.First(new Rank(rank)), done[rank]))));
    }

    /// <summary>One step of every member.</summary>
    /// <param name="plan">With all that it asks for.</param>
    /// <param name="done">How many each member computes.</param>
    /// <param name="late">Who comes when the others have ended the step; −1: nobody.</param>
    private static Step[] Take(JobPlan plan, int[] done, int late = -1)
    {
        using NodeAgent agent = new(new HandedPlans(new JobId("job")), new NodeId("here"), new AgentSection { IntervalMs = 60_000 });
        IReadOnlyList<ITransport> transports = InProcessGroup.Create(plan.Members).Transports;
        Step[] steps = new Step[plan.Members];
        Exception?[] failures = new Exception?[plan.Members];
        using CountdownEvent others = new(Math.Max(1, plan.Members - 1));
        Thread[] threads = [.. Enumerable.Range(0, plan.Members).Select(number => new Thread(() =>
        {
            try
            {
                steps[number] = TakeOne(agent, transports[number], plan, done[number], () =>
                {
                    if (number == late && !others.Wait(TimeSpan.FromSeconds(30)))
                    {
                        throw new TimeoutException("the others never ended the step");
                    }
                });
                if (late >= 0 && number != late)
                {
                    others.Signal();
                }
            }
            catch (Exception e)
            {
                failures[number] = e;
                transports[number].Abort(e.Message);
            }
        })
        { IsBackground = true })];
        Array.ForEach(threads, thread => thread.Start());
        threads.Should().OnlyContain(thread => thread.Join(TimeSpan.FromSeconds(60)));
        failures.Should().OnlyContain(failure => failure == null);
        foreach (ITransport transport in transports)
        {
            transport.Dispose();
        }

        return steps;
    }

    private static Step TakeOne(NodeAgent agent, ITransport transport, JobPlan plan, int done, Action beforeEnd)
    {
        using CpuDevice device = new();
        using Communicator communicator = new(transport, device);
        using ByteLanguageModel<double> model = new(device, Shape, Seed);
        GradientAccumulator<double> accumulator = new(model, new MicroBatchSampler(TrainingText.Corpus(), Seed));
        int slot = plan.MemberSlots[transport.Rank.Value];
        using RankGuard guard = agent.Join(
            RankEnrollment.DataParallel(new JobId("job"), new NodeId("here"), new DeviceClass("CPU"), communicator, MicroBatches) with
            {
                Slot = slot,
                Slots = plan.Slots,
            },
            communicator, plan);
        StepReducer<double> reducer = guard.Reducer(model.Gradients.All, sums: 1);
        MicroBatchRange work = reducer.BeginStep();
        accumulator.Begin();
        for (int i = 0; i < done; i++)
        {
            accumulator.Add(work.First + i);
        }

        beforeEnd();
        double[] loss = [accumulator.LossSum];
        double weight = reducer.Finish(accumulator.Weight, done, loss);
        double[] gradient = new double[Shape.ParameterCount];
        model.Gradients.Download(gradient);
        Step step = new(gradient, weight, loss[0], reducer.Done.ToArray(), reducer.WasIn);

        // Not disposed before the others are through with the step: that would end the group.
        reducer.Dispose();
        return step;
    }

    private static Step Reference(IEnumerable<int> microBatches)
    {
        using CpuDevice device = new();
        using ByteLanguageModel<double> model = new(device, Shape, Seed);
        GradientAccumulator<double> accumulator = new(model, new MicroBatchSampler(TrainingText.Corpus(), Seed));
        accumulator.Begin();
        foreach (int microBatch in microBatches)
        {
            accumulator.Add(microBatch);
        }

        double[] gradient = new double[Shape.ParameterCount];
        model.Gradients.Download(gradient);
        return new Step(gradient, accumulator.Weight, accumulator.LossSum, [], WasIn: true);
    }

    private static void ShouldEqual(Step[] steps, Step reference)
    {
        double largest = Math.Abs(TensorPrimitives.MaxMagnitude<double>(reference.Gradient));
        largest.Should().BeGreaterThan(0);
        foreach (Step step in steps)
        {
            step.Weight.Should().Be(reference.Weight);
            step.Loss.Should().BeApproximately(reference.Loss, 1e-10 * reference.Loss);
            double[] difference = new double[step.Gradient.Length];
            TensorPrimitives.Subtract<double>(step.Gradient, reference.Gradient, difference);
            (Math.Abs(TensorPrimitives.MaxMagnitude<double>(difference)) / largest).Should().BeLessThanOrEqualTo(1e-10);
        }
    }

    private sealed record Step(double[] Gradient, double Weight, double Loss, int[] Done, bool WasIn);
}
