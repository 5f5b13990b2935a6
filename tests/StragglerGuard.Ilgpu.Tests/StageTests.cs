using System.Runtime.InteropServices;
using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Ilgpu.Tests;

/// <summary>Host memory between two devices: what is stored and loaded is the beginning, and nothing behind it.</summary>
public sealed class StageTests
{
    private const int StageElements = 64;
    private const int Part = 24;
    private const int Offset = 5;

    [Fact]
    public void Stage_OfTheSimulator_CarriesThePartAndNothingElse() =>
        Check(IlgpuBackends.Simulator, device => device.CreateStage(StageElements * sizeof(float)));

    // The way that OpenCL takes for any stage: by uploads and downloads of the very length.
    [Fact]
    public void Stage_OfAnotherKind_CarriesThePartAndNothingElse() => Check(IlgpuBackends.Simulator, _ => new ForeignStage(StageElements * sizeof(float)));

    [DeviceFact(IlgpuBackends.Cuda)]
    public void Stage_OfCuda_CarriesThePartAndNothingElse() =>
        Check(IlgpuBackends.Cuda, device => device.CreateStage(StageElements * sizeof(float)));

    [DeviceFact(IlgpuBackends.OpenCL)]
    public void Stage_OfOpenCL_CarriesThePartAndNothingElse() =>
        Check(IlgpuBackends.OpenCL, device => device.CreateStage(StageElements * sizeof(float)));

    [DeviceFact(IlgpuBackends.OpenCL)]
    public void PageLockedStage_OnOpenCL_CarriesThePartAndNothingElse()
    {
        using var other = Machine.Open(IlgpuBackends.Simulator);

        Check(IlgpuBackends.OpenCL, _ => other.CreateStage(StageElements * sizeof(float)));
    }

    [Fact]
    public void Store_OfMoreThanTheStageHolds_IsRefused()
    {
        using var device = Machine.Open(IlgpuBackends.Simulator);
        using var x = device.Allocate<float>(Part + 1);
        using var stage = new ForeignStage(Part * sizeof(float));

        device.Invoking(d => d.Store(x.All, stage)).Should().Throw<ArgumentOutOfRangeException>();
        device.Invoking(d => d.Load(stage, x.All)).Should().Throw<ArgumentOutOfRangeException>();
    }

    private static void Check(IlgpuBackends backend, Func<IlgpuDevice, HostStage> create)
    {
        using var device = Machine.Open(backend);
        using var stage = create(device);
        using var x = device.Allocate<float>(StageElements);
        var numbers = Enumerable.Range(1, StageElements).Select(i => (float)i).ToArray();
        x.Upload(numbers);
        stage.Bytes.Fill(0xFF);

        device.Store(x.Slice(Offset, Part), stage);

        MemoryMarshal.Cast<byte, float>(stage.Bytes)[..Part].ToArray().Should().Equal(numbers[Offset..(Offset + Part)]);
        stage.Bytes[(Part * sizeof(float))..].ToArray().Should().OnlyContain(b => b == 0xFF, "the rest of the stage is not the slice's");

        // Past the end of a shorter slice lies what the device still needs.
        MemoryMarshal.Cast<byte, float>(stage.Bytes).Fill(-1);
        device.Load(stage, x.Slice(Offset, Part));

        var loaded = new float[StageElements];
        x.Download(loaded);
        loaded.Should().Equal(numbers.Select((number, i) => i is >= Offset and < Offset + Part ? -1 : number));
        device.Store(x.Slice(Offset, 0), stage);
        device.Load(stage, x.Slice(Offset, 0));
    }

    /// <summary>As another engine in the process may bring.</summary>
    private sealed class ForeignStage(int bytes) : HostStage
    {
        private readonly byte[] _memory = new byte[bytes];

        public override Span<byte> Bytes => _memory;

        protected override void Dispose(bool disposing)
        {
            // The collector's.
        }
    }
}
