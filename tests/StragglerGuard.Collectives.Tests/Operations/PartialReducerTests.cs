using System.Numerics;
using System.Runtime.InteropServices;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Tests.Devices;
using StragglerGuard.Collectives.Tests.Transports;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Operations;

/// <summary>What a reduction that waits for P − b computes, against the naive sum of those who took part.</summary>
public abstract class PartialReducerTests<TGroups>
    where TGroups : IGroupFactory, new()
{
    private const int Seed = 90210;
    private const int Epoch = 5;

    // So long that a test which waits for it has failed; chunks so small that a short vector is many.
    private static readonly TransportOptions Patient = new() { Timeout = TimeSpan.FromMinutes(10), ChunkBytes = 1024 };
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(30);

    /// <summary>What every rank computes on.</summary>
    protected virtual IComputeDevice CreateDevice() => new CpuDevice();

    /// <summary>Bytes of the collected heap that a step may take: none, but for what a library in between takes for itself.</summary>
    protected virtual long AllocatedBytesPerStep => 0;

    [Theory]
    [MemberData(nameof(BackupCases.SizesAndBackups), MemberType = typeof(BackupCases))]
    public void Finish_WhoeverIsLate_IsTheSumOfTheOthersWithTheSameBitsEverywhere(int worldSize, int backups)
    {
        // Every rank is late in its turn, the root among them, and two neighbours at once.
        int[] Late(int step) => [.. Enumerable.Range(step, backups).Select(r => r % worldSize)];
        CheckSteps<double>(worldSize, worldSize + 2, length: 700, 1e-14, CreateDevice, Late);
        CheckSteps<float>(worldSize, worldSize + 2, length: 3, 1e-5, CreateDevice, Late);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void Finish_OneRankLateManyStepsInARow_KeepsGettingTheOthersSums(int late) =>
        CheckSteps<double>(4, steps: 25, length: 300, 1e-14, CreateDevice, _ => [late]);

    [Fact]
    public void Finish_NothingToReduce_StillTellsWhoTookPart() =>
        CheckSteps<float>(3, steps: 6, length: 0, 0, CreateDevice, step => [step % 3]);

    [Fact]
    public void Finish_DeviceWithItsOwnMemory_IsTheSumOfTheOthers() =>
        CheckSteps<float>(3, steps: 3, length: (1 << 20) + 5, 1e-5, () => new DistantDevice(), step => [step % 3]);

    [Fact]
    public void Finish_ArrivalsInRandomOrder_WeightsAreThoseOfAReferenceToldTheParticipants()
    {
        const int WorldSize = 5;
        const int Steps = 200;
        const int Dimensions = 40;
        var orders = new int[Steps][];
        var backups = new int[Steps];
        var random = new Random(Seed);
        for (var step = 0; step < Steps; step++)
        {
            orders[step] = [.. Enumerable.Range(0, WorldSize)];
            random.Shuffle(orders[step]);
            backups[step] = random.Next(0, 3);
        }

        var turns = new Turnstile();
        var participants = new bool[WorldSize, Steps, WorldSize];
        var weights = new double[WorldSize][];
        OnRanks(WorldSize, CreateDevice, (communicator, device) =>
        {
            var rank = communicator.Rank.Value;
            using var gradients = device.Allocate<double>(Dimensions);
            using var reducer = new PartialReducer<double>(communicator, gradients.All, 4);
            var model = new double[Dimensions];
            for (var step = 0; step < Steps; step++)
            {
                reducer.BeginStep(backups[step], BallotOf(0));
                gradients.Upload(Gradient(rank, step, model));

                // One after another to the door; from there on it is a race against the cut-off.
                turns.Await((step * WorldSize) + Array.IndexOf(orders[step], rank));
                turns.Advance();
                var ballot = BallotOf(Weight(rank, step));
                var reduction = reducer.Finish(ballot);
                reduction.Participants.Should().BeGreaterThanOrEqualTo(WorldSize - backups[step]);
                reduction.WasIn.Should().Be(reducer.TookPart(communicator.Rank));
                for (var other = 0; other < WorldSize; other++)
                {
                    participants[rank, step, other] = reducer.TookPart(new Rank(other));
                }

                var sum = new double[Dimensions];
                gradients.Download(sum);
                Update(model, sum, ballot[0]);
            }

            weights[rank] = model;
        });

        var reference = new double[Dimensions];
        var lateOnes = 0;
        for (var step = 0; step < Steps; step++)
        {
            var sum = new double[Dimensions];
            var total = 0.0;
            for (var rank = 0; rank < WorldSize; rank++)
            {
                var wasIn = participants[0, step, rank];
                for (var witness = 1; witness < WorldSize; witness++)
                {
                    participants[witness, step, rank].Should().Be(wasIn, "step {0}, witness {1}, seed {2}", step, witness, Seed);
                }

                lateOnes += wasIn ? 0 : 1;
                if (wasIn)
                {
                    total += Weight(rank, step);
                    var own = Gradient(rank, step, reference);
                    for (var i = 0; i < Dimensions; i++)
                    {
                        sum[i] += own[i];
                    }
                }
            }

            Update(reference, sum, total);
        }

        lateOnes.Should().BePositive("seed {0} lets {1} ranks be late at most", Seed, backups.Sum());
        var largest = reference.Max(Math.Abs);
        foreach (var model in weights)
        {
            model.Should().Equal(weights[0]);
            for (var i = 0; i < Dimensions; i++)
            {
                Math.Abs(model[i] - reference[i]).Should().BeLessThanOrEqualTo(1e-10 * largest, "weight {0}, seed {1}", i, Seed);
            }
        }
    }

    [Fact]
    public void HasClosed_OfALateRank_TurnsTrueWhileItComputes_AndNobodyElses()
    {
        using var closed = new CountdownEvent(3);
        OnRanks(4, CreateDevice, (communicator, device) =>
        {
            using var gradients = device.Allocate<double>(10);
            using var reducer = new PartialReducer<double>(communicator, gradients.All, 4);
            var isLate = communicator.Rank.Value == 2;
            reducer.BeginStep(1, BallotOf(0));
            if (!isLate)
            {
                reducer.HasClosed.Should().BeFalse("nobody goes on without this rank");
            }

            if (isLate)
            {
                closed.Wait(Promptly).Should().BeTrue();
                reducer.HasClosed.Should().BeTrue("the others have got sums that this rank had to be entered for");
            }

            var reduction = reducer.Finish(BallotOf(1));
            reduction.WasIn.Should().Be(!isLate);
            reduction.Participants.Should().Be(3);
            reducer.HasClosed.Should().Be(isLate);
            if (!isLate)
            {
                closed.Signal();
            }

            communicator.Barrier();
            reducer.BeginStep(0, BallotOf(0));
            reducer.HasClosed.Should().BeFalse();
            reducer.Finish(BallotOf(1)).Participants.Should().Be(4);
        });
    }

    [Fact]
    public void Timings_OfAStep_CountUpAndShowTheLateRankLast()
    {
        var reductions = new PartialReduction[3];
        using var closed = new CountdownEvent(2);
        OnRanks(3, CreateDevice, (communicator, device) =>
        {
            var rank = communicator.Rank.Value;
            using var gradients = device.Allocate<double>(10);
            using var reducer = new PartialReducer<double>(communicator, gradients.All, 4);
            reducer.BeginStep(1, BallotOf(0));
            if (rank == 1)
            {
                closed.Wait(Promptly).Should().BeTrue();
            }

            reductions[rank] = reducer.Finish(BallotOf(1));
            if (rank != 1)
            {
                closed.Signal();
            }
        });
        foreach (var reduction in reductions)
        {
            reduction.Ballot.Sequence.Should().Be(1, "the constructor's barrier was the first");
            reduction.Gradients.Sequence.Should().Be(2);
            reduction.Ballot.DurationNs.Should().BePositive();
            reduction.Gradients.EnterNs.Should().BeGreaterThanOrEqualTo(reduction.Ballot.ExitNs);
        }

        // One process, one clock.
        reductions[1].Ballot.EnterNs.Should().BeGreaterThan(Math.Max(reductions[0].Ballot.EnterNs, reductions[2].Ballot.EnterNs));
        reductions[1].FinishNs.Should().BeGreaterThan(reductions[1].Ballot.EnterNs);
        reductions[0].FinishNs.Should().Be(reductions[0].Ballot.EnterNs);
    }

    [Fact]
    public void Reducers_OneAfterAnother_ShareACommunicator() => OnRanks(3, CreateDevice, (communicator, device) =>
    {
        using var gradients = device.Allocate<float>(100);
        for (var round = 0; round < 20; round++)
        {
            using var reducer = new PartialReducer<float>(communicator, gradients.All, 4);
            for (var step = 0; step < 2; step++)
            {
                // Who comes last may be out, and its word may be under way when the reducer is gone.
                reducer.BeginStep(1, BallotOf(0));
                reducer.Finish(BallotOf(1)).Participants.Should().BeInRange(2, 3);
            }

            reducer.BeginStep(0, BallotOf(0));
            reducer.Finish(BallotOf(1)).Participants.Should().Be(3);
        }

        communicator.Barrier();
    });

    [Fact]
    public void SteadyState_InAndLate_AllocatesNothing()
    {
        const int WarmUp = 30;
        const int Steps = 40;
        var turns = new Turnstile();
        OnRanks(3, CreateDevice, (communicator, device) =>
        {
            var rank = communicator.Rank.Value;
            using var gradients = device.Allocate<float>(5000);
            using var reducer = new PartialReducer<float>(communicator, gradients.All, 4);
            var late = BallotOf(0);
            var ballot = BallotOf(1);
            var before = 0L;
            for (var step = 0; step < WarmUp + Steps; step++)
            {
                if (step == WarmUp)
                {
                    before = GC.GetAllocatedBytesForCurrentThread();
                }

                reducer.BeginStep(1, late);
                if (rank == step % 3)
                {
                    turns.Await(2 * (step + 1));
                }

                reducer.Finish(ballot);
                if (rank != step % 3)
                {
                    turns.Advance();
                }
            }

            (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThanOrEqualTo(Steps * AllocatedBytesPerStep, "rank {0}", rank);

            // The communication threads are in this too. A test host is not quite silent itself, but it is now and then.
            var least = long.MaxValue;
            for (var round = 0; round < 5; round++)
            {
                communicator.Barrier();
                var all = GC.GetTotalAllocatedBytes(precise: true);
                communicator.Barrier();
                for (var step = 0; step < Steps; step++)
                {
                    reducer.BeginStep(1, late);
                    reducer.Finish(ballot);
                }

                communicator.Barrier();
                least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - all);
            }

            least.Should().BeLessThan(Steps * (24 + (3 * AllocatedBytesPerStep)), "one object a step would be that much");
        });
    }

    [Fact]
    public void Calls_ThatMakeNoSense_AreRefused() => OnRanks(1, CreateDevice, (communicator, device) =>
    {
        using var other = CreateDevice();
        using var foreign = other.Allocate<float>(3);
        using var gradients = device.Allocate<float>(3);
        communicator.Invoking(c => new PartialReducer<float>(c, foreign.All, 4)).Should().Throw<ArgumentException>().WithMessage("*device*");
        communicator.Invoking(c => new PartialReducer<float>(c, gradients.All, 0)).Should().Throw<ArgumentOutOfRangeException>();
        var reducer = new PartialReducer<float>(communicator, gradients.All, 4);
        communicator.Invoking(c => new PartialReducer<float>(c, gradients.All, 4)).Should().Throw<InvalidOperationException>();
        reducer.Invoking(r => r.Finish(BallotOf(1))).Should().Throw<InvalidOperationException>().WithMessage("No step has begun.");
        reducer.Invoking(r => r.BeginStep(1, BallotOf(0))).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("backups");
        reducer.Invoking(r => r.BeginStep(-1, BallotOf(0))).Should().Throw<ArgumentOutOfRangeException>();
        reducer.Invoking(r => r.BeginStep(0, new double[3])).Should().Throw<ArgumentException>().WithMessage("*4 entries, not 3*");
        reducer.Invoking(r => r.TookPart(new Rank(1))).Should().Throw<ArgumentOutOfRangeException>();

        reducer.BeginStep(0, BallotOf(0));
        reducer.Invoking(r => r.BeginStep(0, BallotOf(0))).Should().Throw<InvalidOperationException>().WithMessage("*not been finished*");
        communicator.Invoking(c => c.Barrier()).Should().Throw<InvalidOperationException>().WithMessage("*partial reduction*");
        reducer.Invoking(r => r.Finish(new double[5])).Should().Throw<ArgumentException>().WithMessage("*4 entries, not 5*");
        reducer.Finish(BallotOf(1)).WasIn.Should().BeTrue();
        communicator.Barrier();
        reducer.Dispose();
        reducer.Dispose();
        reducer.Invoking(r => r.BeginStep(0, BallotOf(0))).Should().Throw<ObjectDisposedException>();
        communicator.Barrier();
    });

    private static double[] BallotOf(double weight) => [weight, 1, Epoch, Epoch * Epoch];

    private static double Weight(int rank, int step) => 1 + (((rank * 7) + (step * 3)) % 5);

    private static double[] Gradient(int rank, int step, double[] model)
    {
        var random = new Random(Seed + (rank * 1009) + step);
        var weight = Weight(rank, step);
        return [.. model.Select(w => weight * (w - random.NextDouble()))];
    }

    private static void Update(double[] model, double[] sum, double weight)
    {
        for (var i = 0; i < model.Length; i++)
        {
            model[i] -= 0.1 * sum[i] / weight;
        }
    }

    private static T[] Contribution<T>(int rank, int step, int length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var random = new Random(Seed + (rank * 100_003) + (step * 17));
        return [.. Enumerable.Range(0, length).Select(_ => T.CreateChecked((random.NextDouble() * 2) - 1))];
    }

    private static void OnRanks(int worldSize, Func<IComputeDevice> createDevice, Action<Communicator, IComputeDevice> body) =>
        RankThreads.Run(new TGroups().Create(worldSize, Patient), transport =>
        {
            using var device = createDevice();
            using var communicator = new Communicator(transport, device, new CommunicatorOptions { SmallBytesMax = 256 });
            body(communicator, device);
        });

    /// <summary>Some ranks are late: they come when the others have got their sums. Other collectives lie between the steps.</summary>
    private static void CheckSteps<T>(
        int worldSize, int steps, int length, double tolerance, Func<IComputeDevice> createDevice, Func<int, int[]> late)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var turns = new Turnstile();
        var onTimeBefore = new int[steps + 1];
        for (var step = 0; step < steps; step++)
        {
            onTimeBefore[step + 1] = onTimeBefore[step] + worldSize - late(step).Length;
        }

        var results = new T[worldSize][];
        OnRanks(worldSize, createDevice, (communicator, device) =>
        {
            var rank = communicator.Rank.Value;

            // A slice inside a larger vector: what lies around it must stay.
            using var vector = device.Allocate<T>(length + 2);
            using var reducer = new PartialReducer<T>(communicator, vector.Slice(1, length), 4);
            for (var step = 0; step < steps; step++)
            {
                var isLate = late(step).Contains(rank);
                reducer.BeginStep(late(step).Length, BallotOf(0));
                vector.Upload([-T.One, .. Contribution<T>(rank, step, length), -T.One]);
                if (isLate)
                {
                    turns.Await(onTimeBefore[step + 1]);
                    reducer.HasClosed.Should().BeTrue();
                }

                var ballot = BallotOf(rank + 1);
                var reduction = reducer.Finish(ballot);
                var result = new T[length + 2];
                vector.Download(result);
                if (!isLate)
                {
                    turns.Advance();
                }

                var participants = Enumerable.Range(0, worldSize).Except(late(step)).ToArray();
                reduction.WasIn.Should().Be(!isLate, "rank {0}, step {1}", rank, step);
                reduction.Participants.Should().Be(participants.Length);
                Enumerable.Range(0, worldSize).Where(r => reducer.TookPart(new Rank(r))).Should().Equal(participants);
                ballot.Should().Equal(participants.Sum(r => r + 1.0), worldSize, worldSize * Epoch, worldSize * Epoch * Epoch);

                result[0].Should().Be(-T.One);
                result[^1].Should().Be(-T.One);
                results[rank] = result[1..^1];
                communicator.Barrier();
                MemoryMarshal.AsBytes<T>(results[rank]).SequenceEqual(MemoryMarshal.AsBytes<T>(results[0]))
                    .Should().BeTrue("rank {0} should have the bits of rank 0 in step {1}", rank, step);
                if (rank == 0)
                {
                    ShouldBeSum(results[0], participants, step, tolerance);
                }

                communicator.Barrier();
            }
        });
    }

    private static void ShouldBeSum<T>(T[] actual, int[] participants, int step, double tolerance)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var contributions = participants.Select(r => Contribution<T>(r, step, actual.Length)).ToArray();
        var worst = 0.0;
        for (var i = 0; i < actual.Length; i++)
        {
            var expected = contributions.Sum(c => double.CreateChecked(c[i]));
            worst = Math.Max(worst, Math.Abs(double.CreateChecked(actual[i]) - expected));
        }

        worst.Should().BeLessThanOrEqualTo(tolerance, "step {0}, seed {1}", step, Seed);
    }

    /// <summary>Counts what has happened, and lets ranks wait until so much has.</summary>
    private sealed class Turnstile
    {
        private readonly object _gate = new();
        private int _count;

        public void Advance()
        {
            lock (_gate)
            {
                _count++;
                Monitor.PulseAll(_gate);
            }
        }

        public void Await(int count)
        {
            lock (_gate)
            {
                while (_count < count)
                {
                    if (!Monitor.Wait(_gate, Promptly))
                    {
                        throw new TimeoutException($"{count} were to come, {_count} did.");
                    }
                }
            }
        }
    }
}

public static class BackupCases
{
    public static TheoryData<int, int> SizesAndBackups
    {
        get
        {
            var data = new TheoryData<int, int>();
            for (var worldSize = 1; worldSize <= 8; worldSize++)
            {
                for (var backups = 0; backups <= Math.Min(2, worldSize - 1); backups++)
                {
                    data.Add(worldSize, backups);
                }
            }

            return data;
        }
    }
}
