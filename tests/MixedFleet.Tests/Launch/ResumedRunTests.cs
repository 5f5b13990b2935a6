using MixedFleet.Checkpoints;
using MixedFleet.Data;
using MixedFleet.Fleet;
using MixedFleet.Launch;
using MixedFleet.Model;
using MixedFleet.Tests.Model;
using MixedFleet.Training;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core;
using StragglerGuard.Core.Planning;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;

namespace MixedFleet.Tests.Launch;

public sealed class ResumedRunTests : IDisposable
{
    private const int MicroBatches = 8;
    private const int Half = 6;

    private static readonly FleetDefinition Fleet = new("test", [new("CPU", null), new("CPU", null), new("CPU", null)]);

    private readonly string _folder = Directory.CreateTempSubdirectory("resumed").FullName;
    private readonly TextCorpus _corpus = TrainingText.Corpus();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Run_ResumedHalfway_EqualsTheRunThatWasNeverInterruptedBitForBit()
    {
        // Under an uneven plan of a later epoch: a run that went on under another would sum in another order.
        TrainingState begin = Begin(new JobPlan(new PlanEpoch(7), new Generation(0), [5, 1, 2]));
        (IReadOnlyList<RankResult> whole, double[] losses) = await RunAsync(begin, 2 * Half, checkpoint: null);

        string file = Path.Combine(_folder, "job.checkpoint");
        (_, double[] before) = await RunAsync(begin, Half, file);
        Checked<TrainingState> half = CheckpointFile.Read(file, Settings(begin, Half, null).Identity);
        half.Errors.Should().BeEmpty();
        (IReadOnlyList<RankResult> resumed, double[] after) = await RunAsync(half.Value, 2 * Half, file);

        before.Concat(after).Should().Equal(losses).And.HaveCount(2 * Half);
        resumed.Select(rank => rank.WeightBits).Should().Equal(whole.Select(rank => rank.WeightBits));
        resumed.Select(rank => rank.WeightBits).Distinct().Should().ContainSingle();
        half.Value!.Plan.Should().Be(begin.Plan);
        half.Value.NextStep.Should().Be(Half);
        CheckpointFile.Read(file, Settings(begin, Half, null).Identity).Value!.NextStep.Should().Be(2 * Half);
        resumed[0].StepSeconds.Should().HaveCount(Half);
    }

    private TrainingState Begin(JobPlan plan)
    {
        RunSettings settings = Settings(null, Half, null);
        using CpuDevice device = new();
        using ByteLanguageModel<float> model = new(device, RunSettings.ModelShape, settings.Seed);
        Adam<float> optimizer = new(RunSettings.ModelShape.ParameterCount);
        byte[] state = new byte[TrainingState.LengthOf(settings.Identity, RunSettings.ModelShape.ParameterCount)];
        TrainingState.Write(state, settings.Identity, plan, new MicroBatchQueue(MicroBatches), model, optimizer);
        TrainingState.TryRead(state, out TrainingState? begin, out string reason).Should().BeTrue(reason);
        return begin!;
    }

    private async Task<(IReadOnlyList<RankResult> Results, double[] Losses)> RunAsync(TrainingState? from, int steps, string? checkpoint)
    {
        RunSettings settings = Settings(from, steps, checkpoint);
        await using GuardHost guard = GuardHost.Start(settings.Options);
        await using SilentDisplay display = new();
        LaunchOutcome outcome = await new ThreadLauncher(settings, guard.Agent!, stretch: 1, display).RunAsync(CancellationToken.None);
        outcome.Error.Should().BeNull();
        display.Lines.Should().BeEmpty("nothing is complained of");
        return (outcome.Results!, [.. display.Losses]);
    }

    private RunSettings Settings(TrainingState? from, int steps, string? checkpoint) =>
        new(
            Fleet, _corpus, new StragglerGuardOptions { Job = "resumed", Mode = PolicyMode.Observe }, SlowdownSchedule.None, StallSchedule.None,
            new RunPhases(steps, Observed: 2, First: (int)(from?.NextStep ?? 0)), MicroBatches, Seed: 5)
        {
            CheckpointPath = checkpoint,
            CheckpointEvery = 4,
            ResumedFrom = from,
        };
}
