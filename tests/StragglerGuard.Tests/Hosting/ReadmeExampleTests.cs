using System.Runtime.CompilerServices;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Hosting;

/// <summary>The README's example is this code, and this code runs.</summary>
public sealed class ReadmeExampleTests
{
    private const int Steps = 12;

    [Fact]
    public async Task Example_TwoRanks_GivesBothTheWholeBatchAndItsExactSum()
    {
        await using var guard = GuardHost.Start(new StragglerGuardOptions { Mode = PolicyMode.Act });
        InProcessGroup group = InProcessGroup.Create(2);
        var trainers = new Trainer[2];
        Thread[] ranks = [.. Enumerable.Range(0, 2).Select(number => new Thread(() =>
        {
            using var device = new CpuDevice();
            using var communicator = new Communicator(group.Transports[number], device);
            trainers[number] = new Trainer(device);
            Train(guard, communicator, trainers[number], Steps);
        }))];

        Array.ForEach(ranks, rank => rank.Start());
        Array.ForEach(ranks, rank => rank.Join());

        // Micro-batch k of step s adds s + k: 32 of them, 4 samples each, whoever computed them.
        double expected = Enumerable.Range(0, Steps).Sum(step => Enumerable.Range(0, 32).Sum(k => step + k) / (32.0 * 4));
        trainers.Select(trainer => trainer.Parameter).Should().AllSatisfy(value => value.Should().BeApproximately(expected, 1e-9));
    }

    [Fact]
    public void Example_InTheReadme_IsTheCodeThatRunsHere()
    {
        string source = File.ReadAllText(ThisFile());
        string root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", ".."));
        string readme = File.ReadAllText(Path.Combine(root, "README.md"));
        int from = source.LastIndexOf("        using RankGuard rank = guard.Join(", StringComparison.Ordinal);
        int to = source.LastIndexOf("        // README ends", StringComparison.Ordinal);
        string example = string.Join('\n', source[from..to].TrimEnd().Split('\n').Select(line => line.Length > 8 ? line[8..] : ""));

        readme.Should().Contain(example);
    }

    private static void Train(GuardHost guard, Communicator communicator, Trainer trainer, long steps)
    {
        using RankGuard rank = guard.Join(new DeviceClass("H100"), communicator, microBatches: 32);
        for (long step = 0; step < steps; step++)
        {
            MicroBatchRange work = rank.BeginStep();              // what this rank computes now
            double samples = 0;                                   // of this step alone
            for (int k = work.First; k < work.End; k++)
            {
                samples += trainer.Accumulate(step, k);           // sums of gradients, never means
            }

            double weight = rank.Vote(samples);                   // the ballot: the step's first collective
            communicator.AllReduce(trainer.Gradients);
            trainer.UpdateAndClear(1 / weight);                   // Σ gradients ÷ Σ samples: exact however the work was dealt
        }

        // README ends
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;

    private sealed class Trainer(CpuDevice device)
    {
        private readonly DeviceBuffer<double> _gradient = device.Allocate<double>(1);

        public DeviceSlice<double> Gradients => _gradient.All;

        public double Parameter { get; private set; }

        public double Accumulate(long step, int k)
        {
            _gradient.HostSpan[0] += step + k;
            return 4;
        }

        public void UpdateAndClear(double scale)
        {
            Parameter += _gradient.HostSpan[0] * scale;
            _gradient.HostSpan[0] = 0;
        }
    }
}
