using StragglerGuard.Collectives.Devices;
using StragglerGuard.Ilgpu.Kernels;

namespace StragglerGuard.Ilgpu.Tests.Kernels;

public sealed class GemmShapeTests
{
    [Theory]
    [InlineData(4096, 4096, 1024, 132, 256, 1024)] // tiles of 128 by 128
    [InlineData(512, 512, 1024, 132, 64, 64)] // of 64 by 64: sixteen wide ones would leave 116 processors idle
    [InlineData(4096, 4096, 128, 132, 64, 4096)] // the device takes no group of 256
    [InlineData(4096, 4096, 2, 1, 2, 131072)] // the simulator: 8 by 16
    [InlineData(1, 1, 1024, 132, 64, 1)]
    public void Tiles_OfAProduct_FillTheDevice(int m, int n, int groupSizeMax, int multiprocessors, int groupSize, int tiles)
    {
        var shape = GemmShape.Of(MatrixOperation.None, MatrixOperation.None, m, n, 8, true, groupSizeMax, multiprocessors);

        shape.GroupSize.Should().Be(groupSize);
        shape.Tiles.Should().Be(tiles);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(16)]
    [InlineData(63)]
    [InlineData(256)]
    public void Tiles_OnAnyDevice_FitItsGroupsAndTheSharedMemory(int groupSizeMax)
    {
        var shape = GemmShape.Of(MatrixOperation.Transpose, MatrixOperation.None, 1000, 1000, 8, false, groupSizeMax, 1);

        shape.GroupSize.Should().BeInRange(1, groupSizeMax);
        (GemmShape.PerThread << shape.ThreadColumnsShift).Should().BeLessThanOrEqualTo(GemmShape.TileMax);
        (GemmShape.PerThread << shape.ThreadRowsShift).Should().BeLessThanOrEqualTo(GemmShape.TileMax);
    }
}
