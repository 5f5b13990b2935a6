using System.CommandLine;
using MixedFleet.Checkpoints;
using MixedFleet.CommandLine;
using MixedFleet.Data;
using MixedFleet.Devices;
using MixedFleet.Fleet;
using MixedFleet.Launch;
using MixedFleet.Model;
using MixedFleet.Tests.Launch;
using MixedFleet.Tests.Model;
using MixedFleet.Training;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;

namespace MixedFleet.Tests.Devices;

public sealed class RankDevicesTests
{
    private const int Steps = 3;

    [Fact]
    public void Device_WhereNoneIsNamed_IsTheHosts()
    {
        RunSettings settings = Settings()!;

        settings.Devices.Should().BeSameAs(RankDevices.OfHost);
        settings.Devices.Description.Should().BeNull();
        settings.MicroBatches.Should().Be(32);
    }

#if FULLSTACK
    [Fact]
    public void Device_OfIlgpu_SaysWhatItIsAndKeepsAnEmulatedRunSmall()
    {
        RunSettings settings = Settings("--device", "ilgpu")!;
        using RankDevices devices = settings.Devices;

        devices.Description.Should().Match(devices.IsEmulated ? "EMULATED*simulator*no GPU here (Cuda: *; OpenCL: *)" : "ILGPU, *shared*");
        (settings.MicroBatches, settings.Phases.Steps).Should().Be(devices.IsEmulated ? (8, 60) : (32, 240));
        RunSettings told = Settings("--device", "ilgpu", "--micro-batches", "12", "--steps", "50")!;
        told.Devices.Dispose();
        (told.MicroBatches, told.Phases.Steps).Should().Be((12, 50), "the user knows best");
    }

    [Theory]
    [InlineData(4, 4, "one for each rank")]
    [InlineData(8, 4, "one for each rank")]
    [InlineData(1, 4, "shared by 4 ranks, which wait for each other")]
    [InlineData(2, 4, "2 shared by 4 ranks, round robin, which wait for each other")]
    public void Sharing_OfDevices_IsSaid(int devices, int ranks, string expected) => IlgpuDevices.Sharing(devices, ranks).Should().Be(expected);

    [Fact]
    public async Task Training_OnIlgpu_ComesToTheHostsWeightsAndExactGradients()
    {
        using RankDevices devices = RankDevices.Open(DeviceChoice.Ilgpu, ranks: 2, []);
        (IReadOnlyList<RankResult> actual, double[] losses, float[] weights) = await TrainAsync(devices);
        (_, double[] expected, float[] expectedWeights) = await TrainAsync(RankDevices.OfHost);

        actual.Select(rank => rank.WeightBits).Distinct().Should().ContainSingle("all ranks hold the same");
        actual.Should().OnlyContain(rank => rank.GradientMaxRelativeError < 1e-10);
        losses.Should().HaveCount(Steps);

        // A step of Adam is 0.002 at the most, and follows a gradient near zero by its sign alone: what rounding makes of those few is no error.
        float[] apart = [.. weights.Zip(expectedWeights, (x, y) => Math.Abs(x - y))];
        apart.Count(distance => distance > 1e-5f).Should().BeLessThan(weights.Length / 1000);
        apart.Max().Should().BeLessThan(2 * Steps * 0.002f);
        losses.Zip(expected, (x, y) => Math.Abs(x - y)).Max().Should().BeLessThan(1e-4, "losses of weights that are alike are alike");
    }

    private static async Task<(IReadOnlyList<RankResult> Results, double[] Losses, float[] Weights)> TrainAsync(RankDevices devices)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("devices");
        var settings = new RunSettings(
            new FleetDefinition("test", [new("A", null), new("A", null)]), TrainingText.Corpus(),
            new StragglerGuardOptions { Job = "devices", Mode = PolicyMode.Observe }, SlowdownSchedule.None, StallSchedule.None,
            new RunPhases(Steps, Observed: 1), MicroBatches: 4, Seed: 5)
        {
            Devices = devices,
            CheckpointPath = Path.Combine(folder.FullName, "job"),
        };
        await using GuardHost guard = GuardHost.Start(settings.Options, devices: devices.Reader);
        await using SilentDisplay display = new();
        LaunchOutcome outcome = await new ThreadLauncher(settings, guard.Agent!, stretch: 1, display).RunAsync(CancellationToken.None);
        outcome.Error.Should().BeNull();
        using var host = new CpuDevice();
        using var model = new ByteLanguageModel<float>(host, RunSettings.ModelShape, settings.Seed);
        CheckpointFile.Read(settings.CheckpointPath!, settings.Identity).Value!.Restore(model, new Adam<float>(RunSettings.ModelShape.ParameterCount));
        folder.Delete(recursive: true);
        return (outcome.Results!, [.. display.Losses], model.Parameters.HostSpan.ToArray());
    }
#else
    [Fact]
    public void Device_OfAnEngineThatWasLeftOut_IsRefusedInOneLine()
    {
        Checked<RunSettings> outcome = Read("--device", "ilgpu");

        outcome.Value.Should().BeNull();
        outcome.Errors.Should().Equal("--device ilgpu: this build was made without ILGPU: build with -p:FullStack=true");
    }
#endif

    private static RunSettings? Settings(params string[] words)
    {
        Checked<RunSettings> outcome = Read(words);
        outcome.Errors.Should().BeEmpty();
        return outcome.Value;
    }

    private static Checked<RunSettings> Read(params string[] words)
    {
        Checked<RunSettings>? outcome = null;
        RunCommand.Build(arguments =>
        {
            outcome = RunSettings.From(arguments);
            return Task.FromResult(0);
        }).Parse(words).Invoke();
        return outcome!;
    }
}
